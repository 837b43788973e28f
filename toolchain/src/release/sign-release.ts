import {
  addSignatures,
  type Bundle,
  buildTargets,
  FLOORS_MEMBER,
  type Floors,
  type ParsedMetadata,
  type RootSigned,
  type Signer,
  signRole,
  type TargetCustom,
  type TargetFile,
  type TargetsSigned,
  type TrustDeps,
  targetPath,
  toHex,
  validSigners,
} from "@mote/protocol";
import { UsageError } from "../errors.js";

/** What a release's target says, derived from the bundle and nothing else. */
export function targetOf(
  bundle: Bundle,
  deps: Pick<TrustDeps, "sha256">,
): { path: string; file: TargetFile } {
  const { manifest, manifestBytes } = bundle;
  const hardware = [...new Set(manifest.variants.flatMap((variant) => variant.hardware))].sort();
  const architectures = [...new Set(manifest.variants.map((variant) => variant.architectureHash))].sort();
  const custom: TargetCustom = {
    name: manifest.name,
    version: manifest.version,
    sequence: manifest.sequence,
    hardware,
    architectureHashes: architectures,
  };
  return {
    path: targetPath(manifest.name, manifest.version),
    file: {
      length: manifestBytes.length,
      hashes: { sha256: toHex(deps.sha256(manifestBytes)) },
      custom,
    },
  };
}

/** What somebody wants signed. */
export interface TargetsChange {
  readonly add?: { readonly path: string; readonly file: TargetFile };
  /** Raises the floor of products; a floor never falls. */
  readonly floors?: Floors;
}

export interface SignedTargets {
  readonly bytes: Uint8Array;
  readonly version: number;
  /** False where this joined a draft that others had begun. */
  readonly isNewVersion: boolean;
  readonly signatures: number;
  readonly threshold: number;
}

/**
 * Signs a change to the targets. Where the newest metadata already says it and still lacks signatures, it is joined;
 * otherwise a new version begins. So two people who sign the same bundle one after the other make one document.
 *
 * @throws UsageError where the change contradicts what is signed
 */
export function signTargets(request: {
  readonly root: RootSigned;
  readonly current: { readonly bytes: Uint8Array; readonly parsed: ParsedMetadata<TargetsSigned> };
  readonly change: TargetsChange;
  readonly signers: readonly Signer[];
  readonly expiresMs: number;
  readonly deps: TrustDeps;
}): SignedTargets {
  const { root, current, change, signers, deps } = request;
  const { signed } = current.parsed;
  const role = root.roles.targets;
  const count = (parsed: ParsedMetadata<unknown>) => validSigners(parsed, root.keys, role, deps).size;
  const before = count(current.parsed);
  const isDraft = before < role.threshold;
  const next = changed(signed, change);
  if (isDraft && isSame(signed, next)) {
    const bytes = addSignatures(current.bytes, signers);
    const known = new Set([
      ...current.parsed.signatures.map(({ keyid }) => keyid),
      ...signers.map((s) => s.keyId),
    ]);
    const signatures = role.keyids.filter((id) => known.has(id)).length;
    return { bytes, version: signed.version, isNewVersion: false, signatures, threshold: role.threshold };
  }
  // Nobody signs two documents of one version: only a draft that nobody signed gives its version up.
  const version = before === 0 ? signed.version : signed.version + 1;
  const floors = next.floors;
  const document = buildTargets({
    version,
    expiresMs: request.expiresMs,
    targets: next.targets,
    ...(signed.delegations === undefined ? {} : { delegations: signed.delegations }),
    ...(Object.keys(floors).length === 0 ? {} : { floors }),
  });
  const signatures = signers.filter(({ keyId }) => role.keyids.includes(keyId)).length;
  return {
    bytes: signRole(document, signers),
    version,
    isNewVersion: true,
    signatures,
    threshold: role.threshold,
  };
}

interface Content {
  readonly targets: Record<string, TargetFile>;
  readonly floors: Floors;
}

function changed(signed: TargetsSigned, change: TargetsChange): Content {
  const floors: Floors = { ...signed[FLOORS_MEMBER] };
  for (const [product, floor] of Object.entries(change.floors ?? {})) {
    const before = floors[product] ?? 0;
    if (floor < before) {
      throw new UsageError({
        expected: `a floor of ${product} of ${before} or above`,
        got: String(floor),
        todo: "A floor never falls; sign old content as a new release with a higher sequence instead.",
      });
    }
    floors[product] = floor;
  }
  const targets = { ...signed.targets };
  if (change.add !== undefined) {
    checkAgainst(targets, floors, change.add);
    targets[change.add.path] = change.add.file;
  }
  return { targets, floors };
}

/** A version means one content for ever, and sequences grow with every release of a product. */
function checkAgainst(
  targets: Readonly<Record<string, TargetFile>>,
  floors: Floors,
  add: { readonly path: string; readonly file: TargetFile },
): void {
  const { name, sequence } = add.file.custom as TargetCustom;
  if (sequence < (floors[name] ?? 0)) {
    throw new UsageError({
      expected: `a sequence of ${floors[name]} (the floor of ${name}) or above`,
      got: `sequence ${sequence}`,
      todo: "Make the bundle with a higher sequence.",
    });
  }
  for (const [path, file] of Object.entries(targets)) {
    const custom = file.custom as Partial<TargetCustom> | undefined;
    const isSameContent = file.hashes.sha256 === add.file.hashes.sha256;
    if (path === add.path && !isSameContent) {
      throw new UsageError({
        expected: `${path} to keep the content that was signed for it`,
        got: "another manifest",
        todo: "Give the bundle a new version and a higher sequence.",
      });
    }
    if (path !== add.path && custom?.name === name && custom.sequence === sequence) {
      throw new UsageError({
        expected: `a sequence that no other release of ${name} has`,
        got: `${sequence}, which ${path} has`,
        todo: "Make the bundle with the next sequence.",
      });
    }
  }
}

function isSame(signed: TargetsSigned, next: Content): boolean {
  const facts = (targets: Readonly<Record<string, TargetFile>>, floors: Floors) =>
    JSON.stringify([
      Object.entries(targets)
        .map(([path, { hashes }]) => [path, hashes.sha256])
        .sort(),
      Object.entries(floors).sort(),
    ]);
  return facts(signed.targets, signed[FLOORS_MEMBER] ?? {}) === facts(next.targets, next.floors);
}

/** What `after` says that `before` did not, in words: what a person is about to sign. */
export function describeChange(before: TargetsSigned, after: TargetsSigned): string[] {
  const lines: string[] = [];
  for (const [path, file] of Object.entries(after.targets)) {
    if (before.targets[path]?.hashes.sha256 !== file.hashes.sha256) {
      lines.push(`adds ${path} (manifest SHA-256 ${file.hashes.sha256})`);
    }
  }
  for (const path of Object.keys(before.targets)) {
    if (!Object.hasOwn(after.targets, path)) lines.push(`retires ${path}`);
  }
  for (const [product, floor] of Object.entries(after[FLOORS_MEMBER] ?? {})) {
    const held = before[FLOORS_MEMBER]?.[product] ?? 0;
    if (floor !== held) lines.push(`raises the floor of ${product} from ${held} to ${floor}, for good`);
  }
  if (JSON.stringify(before.delegations) !== JSON.stringify(after.delegations)) {
    lines.push("changes who may sign in its place (delegations)");
  }
  return lines;
}
