import {
  addSignatures,
  type Bundle,
  buildTargets,
  type Delegations,
  FLOORS_MEMBER,
  type Floors,
  judgeExpiry,
  parseMetadata,
  type RootSigned,
  type Signer,
  signRole,
  type TargetCustom,
  type TargetFile,
  TargetsSigned,
  type TrustDeps,
  targetPath,
  toHex,
  validSigners,
} from "@mote/protocol";
import { UsageError } from "../errors.js";
import type { Draft } from "./metadata-folder.js";
import { checkExpiresLater } from "./signing-clock.js";

/** What a release's target says, derived from the bundle and nothing else. */
export function targetOf(
  bundle: Pick<Bundle, "manifest" | "manifestBytes">,
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
  /** Raises the floor of products, and drops what lies below from the metadata; a floor never falls. */
  readonly floors?: Floors;
  /** Whom the targets delegate to from now on; null for nobody. */
  readonly delegations?: Delegations | null;
}

export interface SignedTargets {
  readonly bytes: Uint8Array;
  readonly version: number;
  readonly signatures: number;
  readonly threshold: number;
  readonly isComplete: boolean;
  /** What it says that the complete targets before it did not: what the person signed, in words. */
  readonly changes: readonly string[];
}

/**
 * Signs a change to the targets. Where the draft already says it, its signatures are kept and these are added;
 * otherwise a new document begins. So two people who sign the same bundle one after the other make one document.
 *
 * @param request.complete the newest targets that enough keys have signed
 * @throws UsageError where the change contradicts what is signed, ClockError
 */
export function signTargets(request: {
  readonly root: RootSigned;
  readonly complete: TargetsSigned;
  readonly draft: Draft | null;
  readonly change: TargetsChange;
  readonly signers: readonly Signer[];
  readonly expiresMs: number;
  /** It may expire sooner than what it replaces. */
  readonly mayExpireSooner?: boolean;
  readonly nowMs: number;
  readonly deps: TrustDeps;
}): SignedTargets {
  const { root, complete, draft, change, signers, nowMs } = request;
  const begun = draft === null ? null : parseMetadata(draft.bytes, TargetsSigned, "targets");
  if (begun !== null && judgeExpiry(begun.signed.expires, nowMs) === "expired") {
    throw new UsageError({
      expected: `a draft that is valid at ${new Date(nowMs).toISOString()}`,
      got: `version ${begun.signed.version}, which expired at ${begun.signed.expires}`,
      todo: "Delete the draft's file and sign anew, or set this machine's clock.",
    });
  }
  const next = changed(begun?.signed ?? complete, change);
  const joins = begun !== null && factsOf(begun.signed) === factsOf(next);
  let bytes: Uint8Array;
  if (joins) {
    bytes = addSignatures(draft!.bytes, signers);
  } else {
    // A draft's version is not used again for other words: nobody shall have signed two documents of one version.
    const version = (begun?.signed.version ?? complete.version) + 1;
    const { expires } = begun?.signed ?? complete;
    const mayExpireSooner = request.mayExpireSooner ?? false;
    checkExpiresLater(`targets version ${version}`, expires, request.expiresMs, mayExpireSooner);
    const floors = next[FLOORS_MEMBER];
    const document = buildTargets({
      version,
      expiresMs: request.expiresMs,
      targets: next.targets,
      ...(next.delegations === undefined ? {} : { delegations: next.delegations }),
      ...(floors === undefined ? {} : { floors }),
    });
    bytes = signRole(document, signers);
  }
  const signed = parseMetadata(bytes, TargetsSigned, "targets");
  const signatures = validSigners(signed, root.keys, root.roles.targets, request.deps).size;
  const { threshold } = root.roles.targets;
  return {
    bytes,
    version: signed.signed.version,
    signatures,
    threshold,
    isComplete: signatures >= threshold,
    changes: describeChange(complete, signed.signed),
  };
}

type Content = Pick<TargetsSigned, "targets" | "delegations" | typeof FLOORS_MEMBER>;

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
  const targets = Object.fromEntries(
    Object.entries(signed.targets).filter(([, { custom }]) => {
      const { name = "", sequence = Number.POSITIVE_INFINITY } = (custom ?? {}) as Partial<TargetCustom>;
      return sequence >= (floors[name] ?? 0);
    }),
  );
  if (change.add !== undefined) {
    checkAgainst(targets, floors, change.add);
    targets[change.add.path] = change.add.file;
  }
  const delegations = change.delegations === undefined ? signed.delegations : change.delegations;
  return {
    targets,
    ...(delegations === undefined || delegations === null ? {} : { delegations }),
    ...(Object.keys(floors).length === 0 ? {} : { [FLOORS_MEMBER]: floors }),
  };
}

/** A version means one content for ever, and no two releases of a product share a sequence. */
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
    if (path === add.path && file.hashes["sha256"] !== add.file.hashes["sha256"]) {
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

function factsOf(content: Content): string {
  const targets = Object.entries(content.targets).map(([path, { hashes }]) => [path, hashes["sha256"]]);
  const floors = Object.entries(content[FLOORS_MEMBER] ?? {});
  return JSON.stringify([targets.sort(), floors.sort(), rolesOf(content.delegations)]);
}

function rolesOf(delegations: Delegations | undefined): unknown {
  return (
    delegations?.roles?.map(({ name, keyids, threshold, paths }) => [name, keyids, threshold, paths]) ?? []
  );
}

function describeChange(before: TargetsSigned, after: TargetsSigned): string[] {
  const lines: string[] = [];
  for (const [path, file] of Object.entries(after.targets)) {
    if (before.targets[path]?.hashes["sha256"] !== file.hashes["sha256"]) {
      lines.push(`adds ${path} (manifest SHA-256 ${file.hashes["sha256"]})`);
    }
  }
  for (const path of Object.keys(before.targets)) {
    if (!Object.hasOwn(after.targets, path)) lines.push(`retires ${path}`);
  }
  for (const [product, floor] of Object.entries(after[FLOORS_MEMBER] ?? {})) {
    const held = before[FLOORS_MEMBER]?.[product] ?? 0;
    if (floor === held) continue;
    lines.push(`raises the floor of ${product} from ${held} to ${floor}, for good`);
    if (!hasRelease(product, before, after)) {
      lines.push(`  of ${product} no release is signed here: is the name right?`);
    }
  }
  if (JSON.stringify(rolesOf(before.delegations)) !== JSON.stringify(rolesOf(after.delegations))) {
    const names = after.delegations?.roles?.map(({ name }) => name) ?? [];
    lines.push(names.length === 0 ? "delegates to nobody any more" : `delegates to: ${names.join(", ")}`);
  }
  if (lines.length === 0) lines.push(`changes nothing but the expiry (${after.expires})`);
  return lines;
}

/** Releases that the server signs by itself are not in people's metadata. */
function hasRelease(product: string, ...documents: readonly TargetsSigned[]): boolean {
  return documents.some(
    ({ targets, delegations }) =>
      delegations !== undefined ||
      Object.values(targets).some(
        ({ custom }) => (custom as Partial<TargetCustom> | undefined)?.name === product,
      ),
  );
}
