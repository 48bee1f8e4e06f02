using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "app",
      worker = (
        modules = [ ( name = "worker", esModule = embed "worker.js" ) ],
        compatibilityDate = "2026-11-01",
        bindings = [
          ( name = "ROLLCALL_URL", fromEnvironment = "ROLLCALL_URL" ),
          ( name = "CLERK_SECRET_KEY", fromEnvironment = "CLERK_SECRET_KEY" ),
          ( name = "CLERK_PUBLISHABLE_KEY", fromEnvironment = "CLERK_PUBLISHABLE_KEY" ),
          ( name = "CLERK_JWT_KEY", fromEnvironment = "CLERK_JWT_KEY" ),
        ],
      ),
    ),
    # Rollcall's api is on this machine.
    ( name = "internet", network = ( allow = ["public", "private"] ) ),
  ],
  sockets = [ ( name = "http", address = "127.0.0.1:0", http = (), service = "app" ) ],
);
