import type { OrganizationExplanation, OrganizationMember, OrganizationReport } from "@rollcall/contracts";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useList } from "../../api/queries.ts";
import { pathOf, useReport } from "../../api/report.ts";
import { ApiProblem } from "../../api/request.ts";
import { useMay } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { useMessages } from "../../design/messages.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { useTitle } from "../../layout/use-title.ts";
import { OrganizationState } from "../organizations/organization-state.tsx";
import { DeadLetters, Jobs, Timeline } from "../user/history.tsx";
import { RefreshButton } from "../user/refresh-button.tsx";
import { userTexts } from "../user/user-texts.ts";
import { useMembershipColumns } from "./membership-columns.tsx";
import { OrganizationAtClerk } from "./organization-at-clerk.tsx";
import { organizationTexts } from "./organization-texts.ts";

export function OrganizationPage() {
  const { clerkOrgId } = useParams({ from: "/organizations/$clerkOrgId" });
  return <OneOrganization key={clerkOrgId} clerkOrgId={clerkOrgId} />;
}

function OneOrganization({ clerkOrgId }: { clerkOrgId: string }) {
  const texts = useTexts(organizationTexts);
  useTitle(texts.title);
  const report = useReport<OrganizationReport>("organization", clerkOrgId);
  const isUnknown = report.error instanceof ApiProblem && report.error.code === "organization.unknown";
  return (
    <div className="stack">
      <Link to="/organizations">{texts.back}</Link>
      {isUnknown ? (
        <div className="panel stack tight">
          <h1>{texts.notFound}</h1>
          <p className="code">{clerkOrgId}</p>
          <p className="soft">{texts.notFoundHint}</p>
        </div>
      ) : (
        <Answered of={report}>
          {(organization) => <Report report={organization} onReload={() => void report.refetch()} />}
        </Answered>
      )}
    </div>
  );
}

function Report({ report, onReload }: { report: OrganizationReport; onReload: () => void }) {
  const { clerkOrgId, organization, clerkOrganization } = report;
  const texts = useTexts(organizationTexts);
  const shared = useTexts(userTexts);
  const show = useMessages();
  const mayAct = useMay("operator");
  const copy = () =>
    void navigator.clipboard?.writeText(clerkOrgId).then(() => show({ kind: "good", text: shared.copied }));
  return (
    <>
      <div className="row apart">
        <div className="stack tight">
          <h1>{organization?.name ?? clerkOrganization?.name ?? texts.noName}</h1>
          <div className="row">
            <span className="code">{clerkOrgId}</span>
            <Button look="link" onPress={copy}>
              {shared.copy}
            </Button>
            {organization && <OrganizationState state={organization.state} />}
          </div>
        </div>
        <div className="row">
          <Button onPress={onReload}>{shared.reload}</Button>
          {mayAct && organization?.state !== "deleted" && (
            <RefreshButton<OrganizationReport>
              of="organization"
              id={clerkOrgId}
              mark={({ readTicket, organization: row }) => [readTicket, row?.state]}
              hasRow={({ hasRow }) => hasRow}
            />
          )}
        </div>
      </div>
      <Explained report={report} />
      <OrganizationAtClerk report={report} />
      <Members clerkOrgId={clerkOrgId} />
      <div className="columns">
        <Jobs jobs={report.jobs} />
        <DeadLetters of={clerkOrgId} letters={report.deadLetters} />
      </div>
      <Timeline topic="organization" id={clerkOrgId} />
    </>
  );
}

/** States that need nothing from an operator. */
const inOrder: ReadonlySet<OrganizationExplanation["code"]> = new Set(["in_place", "deleted", "on_its_way"]);

function Explained({ report: { explanation, organization } }: { report: OrganizationReport }) {
  const texts = useTexts(organizationTexts);
  const formats = useFormats();
  const { code, errorCode } = explanation;
  const deletedAt = organization?.deletedAt ? formats.dateTime(organization.deletedAt) : "–";
  return (
    <div className={`panel why stack tight ${inOrder.has(code) ? "" : "warn"}`} role="status">
      <p>{texts.sentences[code]({ errorCode: errorCode ?? "internal", deletedAt })}</p>
      {code === "dead_letter" && errorCode && (
        <p>
          <Link to="/dead-letters" search={{ code: errorCode }}>
            {texts.toDeadLetters}
          </Link>
        </p>
      )}
      {code === "held" && (
        <p>
          <Link to="/runs">{texts.toRuns}</Link>
        </p>
      )}
    </div>
  );
}

const pageSize = 25;

function Members({ clerkOrgId }: { clerkOrgId: string }) {
  const texts = useTexts(organizationTexts);
  const common = useMembershipColumns();
  const list = useList<OrganizationMember>("organization", `${pathOf("organization", clerkOrgId)}/members`, {
    limit: pageSize,
  });
  const columns = useMemo<Column<OrganizationMember>[]>(
    () => [
      {
        key: "member",
        header: texts.member,
        cell: ({ clerkId, name, email }) => <PersonLink clerkId={clerkId} name={name} email={email} />,
      },
      ...common,
    ],
    [texts, common],
  );
  return (
    <div className="stack tight">
      <h2>{texts.members}</h2>
      <Answered of={list}>
        {() => (
          <Table
            label={texts.members}
            columns={columns}
            rows={list.items}
            rowKey={({ clerkId }) => clerkId}
            empty={<Empty>{list.hasNextPage ? texts.searchingMembers : texts.noMembers}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </div>
  );
}
