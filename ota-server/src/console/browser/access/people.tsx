import type { MeAnswer, PeopleAnswer, Role } from "@mote/protocol";
import { useState } from "preact/hooks";
import { useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { ActionDialog } from "../parts/dialog.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { change, read } from "../server.js";
import { Title } from "../shell/title.js";
import { may } from "../words.js";
import { EnrolmentTokens } from "./tokens.js";

/** Who may do what; tokens for people and for devices. Nothing here changes by itself. */

const ROLES: readonly [Role, string][] = [
  ["viewer", "looks"],
  ["operator", "and stages, pauses, ends and takes back rollouts; devices and their tokens"],
  ["approver", "and approves"],
  ["release-manager", "and uploads bundles and signed metadata; breaks the glass"],
  ["admin", "and makes people; reads the audit log"],
];

export function PeoplePage({ me }: { me: MeAnswer }) {
  return (
    <>
      <Title text="People and tokens" />
      {may(me.role, "admin") ? (
        <People me={me} />
      ) : (
        <Notice tone="idle">People are made by an admin; you are {me.role}.</Notice>
      )}
      {may(me.role, "operator") ? <EnrolmentTokens /> : null}
    </>
  );
}

function People({ me }: { me: MeAnswer }) {
  const live = useLive("people", read.people, () => false);
  const [isAdding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<string | null>(null);
  const [made, setMade] = useState<{ id: string; token: string } | null>(null);
  return (
    <section class="card is-flush" aria-labelledby="people">
      <h2 id="people">People</h2>
      {made === null ? null : (
        <div style={{ padding: "4px 18px" }} role="status">
          <p>
            The token of <b>{made.id}</b> is shown this once; the server keeps its digest alone.
          </p>
          <p class="secret">{made.token}</p>
        </div>
      )}
      <Loaded live={live}>
        {({ people }) => <PeopleTable people={people} me={me} onLeave={setLeaving} />}
      </Loaded>
      <p>
        <button type="button" onClick={() => setAdding(true)}>
          Add a person, or give a new token…
        </button>
      </p>
      {isAdding ? (
        <AddPerson
          onClose={() => setAdding(false)}
          onMade={(person) => {
            setMade(person);
            live.reload();
          }}
        />
      ) : null}
      {leaving === null ? null : (
        <ActionDialog
          title={`End the access of ${leaving}`}
          verb="End access"
          isDanger
          onClose={() => setLeaving(null)}
          onDo={async () => {
            await change.revokePerson(leaving);
            live.reload();
          }}
        >
          <p>
            The token is good for nothing from now on. What {leaving} did and approved stays in history and
            audit log.
          </p>
        </ActionDialog>
      )}
    </section>
  );
}

function PeopleTable({
  people,
  me,
  onLeave,
}: {
  people: PeopleAnswer["people"];
  me: MeAnswer;
  onLeave: (id: string) => void;
}) {
  return (
    <Table
      caption="People"
      columns={[
        { head: "Name" },
        { head: "Role" },
        { head: "State" },
        { head: "Token since" },
        { head: "End" },
      ]}
      rows={people.map(({ id, role, createdAtMs, revoked }) => ({
        key: id,
        cells: [
          id,
          role,
          <Badge key="state" word={revoked ? ["no access", "idle"] : ["active", "good"]} />,
          <Time key="since" ms={createdAtMs} />,
          revoked || id === me.id ? null : (
            <button type="button" aria-label={`End the access of ${id}`} onClick={() => onLeave(id)}>
              End access…
            </button>
          ),
        ],
      }))}
    />
  );
}

function AddPerson({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (person: { id: string; token: string }) => void;
}) {
  const [id, setId] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  return (
    <ActionDialog
      title="Add a person"
      verb="Make a token"
      onClose={onClose}
      onDo={async () => onMade(await change.putPerson({ id, role }))}
    >
      <label>
        Name
        <input
          required
          pattern="[a-z0-9][a-z0-9._\-]{0,62}"
          title="small letters, digits, dots, dashes"
          value={id}
          onInput={(event) => setId(event.currentTarget.value)}
        />
      </label>
      <p class="small soft">Of somebody who is there already the role and the token are replaced.</p>
      <fieldset>
        <legend>Role</legend>
        {ROLES.map(([name, does]) => (
          <label key={name} class="radio">
            <input type="radio" name="role" checked={role === name} onChange={() => setRole(name)} />
            <span>
              <b>{name}</b> {does}
            </span>
          </label>
        ))}
      </fieldset>
    </ActionDialog>
  );
}
