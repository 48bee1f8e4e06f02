export type Language = "pt-BR" | "en";

/** The texts of the page; values replace the names in braces. */
export const texts = {
  appName: { "pt-BR": "Painel do mentorado", en: "Mentee dashboard" },
  language: { "pt-BR": "Idioma", en: "Language" },
  signOut: { "pt-BR": "Sair", en: "Sign out" },

  signUpTitle: { "pt-BR": "Criar uma conta", en: "Create an account" },
  signUpHint: {
    "pt-BR": "Sem senha: as contas são do simulador do Clerk.",
    en: "No password: accounts live in the Clerk simulator.",
  },
  firstName: { "pt-BR": "Nome", en: "First name" },
  lastName: { "pt-BR": "Sobrenome", en: "Last name" },
  email: { "pt-BR": "E-mail", en: "Email" },
  signUp: { "pt-BR": "Criar conta e entrar", en: "Create account and sign in" },
  signInTitle: { "pt-BR": "Entrar como", en: "Sign in as" },
  noAccounts: {
    "pt-BR": "Ainda não há contas. Crie a primeira.",
    en: "There are no accounts yet. Create the first.",
  },
  refused: {
    "pt-BR": "Não foi possível entrar com esta conta.",
    en: "It was not possible to sign in with this account.",
  },
  clerkAway: {
    "pt-BR": "O simulador do Clerk não responde. Tente de novo em instantes.",
    en: "The Clerk simulator does not answer. Please try again in a moment.",
  },

  preparing: { "pt-BR": "Preparando seu perfil…", en: "Preparing your profile…" },
  stillPreparing: {
    "pt-BR": "Está demorando mais do que o normal. Tentando de novo…",
    en: "This takes longer than usual. Trying again…",
  },
  created: { "pt-BR": "Perfil criado. Boas-vindas!", en: "Profile created. Welcome!" },
  failed: { "pt-BR": "Seu perfil não pôde ser preparado.", en: "Your profile could not be prepared." },
  tryingAgain: { "pt-BR": "Tentando de novo…", en: "Trying again…" },
  failedTitle: {
    "pt-BR": "Seu perfil não está disponível agora",
    en: "Your profile is not available right now",
  },
  tryAgain: { "pt-BR": "Tentar de novo", en: "Try again" },
  byItself: {
    "pt-BR": "Também tentamos sozinhos, de tempos em tempos.",
    en: "We also keep trying by ourselves, from time to time.",
  },
  support: { "pt-BR": "Falar com o suporte", en: "Contact support" },

  welcomeTitle: { "pt-BR": "Boas-vindas, {name}!", en: "Welcome, {name}!" },
  welcomeText: {
    "pt-BR":
      "Seu perfil acabou de ser criado, já com metas para o primeiro mês. Você pode ajustá-las com seu mentor.",
    en: "Your profile was created just now, with goals for the first month. You can adjust them with your mentor.",
  },
  start: { "pt-BR": "Começar", en: "Get started" },
  hello: { "pt-BR": "Olá, {name}", en: "Hello, {name}" },
  cohort: {
    "pt-BR": "Turma {cohort} · {size} no grupo · desde {since}",
    en: "Cohort {cohort} · {size} in the group · since {since}",
  },
  goalsTitle: { "pt-BR": "Metas do mês", en: "Goals of the month" },
  daysLeft: { "pt-BR": "Dias até o fim do mês: {days}", en: "Days until the end of the month: {days}" },
  revenue: { "pt-BR": "Faturamento", en: "Revenue" },
  leads: { "pt-BR": "Leads", en: "Leads" },
  procedures: { "pt-BR": "Procedimentos", en: "Procedures" },
  posts: { "pt-BR": "Posts", en: "Posts" },
  stories: { "pt-BR": "Stories", en: "Stories" },
  perDay: { "pt-BR": "{amount} por dia", en: "{amount} a day" },
  loadingGoals: { "pt-BR": "Carregando suas metas…", en: "Loading your goals…" },
  goalsFailed: {
    "pt-BR": "Suas metas não puderam ser carregadas.",
    en: "Your goals could not be loaded.",
  },
  noProfileTitle: { "pt-BR": "Conta sem perfil de mentorado", en: "An account without a mentee profile" },
  noProfileText: {
    "pt-BR": "Contas de administração não têm metas próprias.",
    en: "Administrators have no goals of their own.",
  },
} as const satisfies Record<string, Record<Language, string>>;

export type TextKey = keyof typeof texts;
