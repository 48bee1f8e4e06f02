import { defineTexts } from "../language/language.tsx";

export const loginTexts = defineTexts({
  en: {
    title: "Log in",
    name: "Name",
    password: "Password",
    submit: "Log in",
    wrong: "The name or the password is wrong.",
    slowed: (seconds: number) =>
      `Too many wrong passwords came from your address. Wait ${seconds} s, then try again.`,
    unreachable: "Rollcall does not answer. Check your connection, and whether the api runs. Then try again.",
    expired: "Your session has ended",
    again: "Log in again to go on. What you typed on the page is still there.",
  },
  "pt-BR": {
    title: "Entrar",
    name: "Nome",
    password: "Senha",
    submit: "Entrar",
    wrong: "O nome ou a senha não confere.",
    slowed: (seconds) => `Muitas senhas erradas vieram do seu endereço. Espere ${seconds} s e tente de novo.`,
    unreachable:
      "O Rollcall não responde. Verifique sua conexão e se a api está no ar. Depois tente de novo.",
    expired: "Sua sessão terminou",
    again: "Entre de novo para continuar. O que você digitou na página continua lá.",
  },
});
