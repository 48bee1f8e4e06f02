import type { OperatorView } from "@rollcall/contracts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type List, useAnswer } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay, useProfileShape, useSession } from "../../api/session.tsx";
import { Badge } from "../../design/badge.tsx";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Answered, useProblemText } from "../../design/states.tsx";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { layoutTexts } from "../../layout/texts.ts";
import { operatorsTexts } from "./operators-texts.ts";
import "./operators.css";

type OpenSession = OperatorView["sessions"][number];

export function OperatorsPage() {
  const texts = useTexts(operatorsTexts);
  const answer = useAnswer<List<OperatorView>>("operators", "/operators");
  return (
    <Page title={texts.title}>
      <p className="soft">
        {texts.lead} {texts.howTo} <code>rollcall operator --name ana --role operator</code>
      </p>
      <Answered of={answer}>
        {({ items }) => (
          <div className="columns">
            {items.map((operator) => (
              <Operator key={operator.name} operator={operator} />
            ))}
          </div>
        )}
      </Answered>
    </Page>
  );
}

function Operator({ operator }: { operator: OperatorView }) {
  const texts = useTexts(operatorsTexts);
  const { roles } = useTexts(layoutTexts);
  const { session } = useSession();
  const hasProfiles = useProfileShape() !== null;
  const decidesNothing = !hasProfiles && operator.role === "operator";
  const isAdmin = useMay("admin");
  const mayRevoke = isAdmin || session?.name === operator.name;
  const [chosen, setChosen] = useState<OpenSession>();
  return (
    <section className="panel stack tight" aria-label={operator.name}>
      <div className="row apart">
        <h2>{operator.name}</h2>
        <Badge>{roles[operator.role]}</Badge>
      </div>
      <p className="soft small">
        {decidesNothing ? texts.operatorWithoutProfiles : texts.may[operator.role]}
      </p>
      <dl className="facts small">
        <dt>{texts.source}</dt>
        <dd>
          <code>{operator.source}</code>
        </dd>
      </dl>
      <h3>{texts.sessions}</h3>
      {operator.sessions.length === 0 && <p className="soft small">{texts.noSessions}</p>}
      <ul className="open-sessions">
        {operator.sessions.map((open) => (
          <li key={open.id} className="row apart">
            <span className="small">
              {texts.started} <Time at={open.createdAt} />, {texts.lastSeen.toLowerCase()}{" "}
              <Time at={open.lastSeenAt} />, {texts.ends.toLowerCase()} <Time at={open.expiresAt} />{" "}
              {open.current && <Badge tone="good">{texts.current}</Badge>}
            </span>
            {mayRevoke && <Button onPress={() => setChosen(open)}>{texts.revoke}</Button>}
          </li>
        ))}
      </ul>
      {chosen && <Revoke name={operator.name} session={chosen} onClose={() => setChosen(undefined)} />}
    </section>
  );
}

function Revoke({ name, session, onClose }: { name: string; session: OpenSession; onClose: () => void }) {
  const texts = useTexts(operatorsTexts);
  const queries = useQueryClient();
  const show = useMessages();
  const describe = useProblemText();
  const revoke = useMutation({
    mutationFn: () => post(`/sessions/${session.id}/revoke`),
    onSuccess: () => show({ kind: "good", text: texts.revoked }),
    onError: (error) => show({ kind: "bad", text: describe(error) }),
    onSettled: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["operators"] });
    },
  });
  return (
    <ConfirmDialog
      title={texts.confirmTitle}
      isOpen
      onClose={onClose}
      action={texts.revoke}
      look="danger"
      isPending={revoke.isPending}
      onConfirm={() => revoke.mutate()}
    >
      <p>{session.current ? texts.confirmOwn : texts.confirm(name)}</p>
    </ConfirmDialog>
  );
}
