import type { MeAnswer } from "@mote/protocol";
import { useState } from "preact/hooks";
import { Refusal } from "../parts/dialog.js";
import { change, messageOf } from "../server.js";
import { Title } from "./title.js";

export function SignIn({ onSignedIn }: { onSignedIn: (me: MeAnswer) => void }) {
  const [token, setToken] = useState("");
  const [refusal, setRefusal] = useState<string | null>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    change.signIn(token.trim()).then(onSignedIn, (error) => setRefusal(messageOf(error)));
  };
  return (
    <main id="main">
      <Title text="Sign in" />
      <form class="card" onSubmit={submit}>
        <p>
          With your personal token. The first start of the server writes the admin's to{" "}
          <code>admin.token</code> in its data folder; an admin makes others under “People”.
        </p>
        <label>
          Token
          <input
            type="password"
            autoComplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <Refusal text={refusal} />
        <p class="actions">
          <button type="submit" class="primary">
            Sign in
          </button>
        </p>
      </form>
    </main>
  );
}
