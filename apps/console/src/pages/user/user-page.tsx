import type { UserReport } from "@rollcall/contracts";
import { Link, useParams } from "@tanstack/react-router";
import { keyFrom, readText } from "../../api/profile-shape.ts";
import { useReport } from "../../api/report.ts";
import { ApiProblem } from "../../api/request.ts";
import { useProfileShape } from "../../api/session.tsx";
import { Badge } from "../../design/badge.tsx";
import { Button } from "../../design/button.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Answered } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { useTitle } from "../../layout/use-title.ts";
import { UserState } from "../users/user-state.tsx";
import { Explained } from "./explanation.tsx";
import { DeadLetters, Jobs, Timeline, UserConflicts } from "./history.tsx";
import { Memberships } from "./memberships.tsx";
import { SideBySide } from "./side-by-side.tsx";
import { UserActions } from "./user-actions.tsx";
import { userTexts } from "./user-texts.ts";
import "./user.css";

export function UserPage() {
  const { clerkId } = useParams({ from: "/users/$clerkId" });
  // Another user is another page: nothing that was typed for one stays for the next.
  return <OneUser key={clerkId} clerkId={clerkId} />;
}

function OneUser({ clerkId }: { clerkId: string }) {
  const texts = useTexts(userTexts);
  useTitle(texts.title);
  const report = useReport<UserReport>("user", clerkId);
  const isUnknown = report.error instanceof ApiProblem && report.error.code === "user.unknown";
  return (
    <div className="stack">
      <Link to="/users">{texts.back}</Link>
      {isUnknown ? (
        <div className="panel stack tight">
          <h1>{texts.notFound}</h1>
          <p className="code">{clerkId}</p>
          <p className="soft">{texts.notFoundHint}</p>
        </div>
      ) : (
        <Answered of={report}>
          {(user) => <Report report={user} onReload={() => void report.refetch()} />}
        </Answered>
      )}
    </div>
  );
}

function Report({ report, onReload }: { report: UserReport; onReload: () => void }) {
  const { clerkId, user, clerkUser, mentorado } = report;
  const texts = useTexts(userTexts);
  const show = useMessages();
  const nameAtClerk = [clerkUser?.firstName, clerkUser?.lastName].filter(Boolean).join(" ");
  const shape = useProfileShape();
  const name = user?.name ?? (nameAtClerk || readText(mentorado, keyFrom(shape, "name")));
  const copy = () =>
    void navigator.clipboard?.writeText(clerkId).then(() => show({ kind: "good", text: texts.copied }));
  return (
    <>
      <div className="row apart">
        <div className="stack tight">
          <h1>{name ?? texts.noName}</h1>
          <div className="row">
            {user?.email && <span>{user.email}</span>}
            <span className="code">{clerkId}</span>
            <Button look="link" onPress={copy}>
              {texts.copy}
            </Button>
            {user && <UserState user={user} />}
            {user && <Badge>{user.tier}</Badge>}
            {user?.role === "admin" && <Badge>admin</Badge>}
          </div>
        </div>
        <UserActions report={report} onReload={onReload} />
      </div>
      <Explained report={report} />
      <SideBySide report={report} />
      <div className="columns">
        <Jobs jobs={report.jobs} />
        <DeadLetters of={clerkId} letters={report.deadLetters} />
        {shape && <UserConflicts report={report} />}
      </div>
      {report.memberships && <Memberships memberships={report.memberships} />}
      <Timeline topic="user" id={clerkId} />
    </>
  );
}
