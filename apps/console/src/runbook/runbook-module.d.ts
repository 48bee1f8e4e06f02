declare module "virtual:runbook" {
  const sections: Readonly<Record<string, import("./read-runbook.ts").RunbookSection>>;
  export default sections;
}
