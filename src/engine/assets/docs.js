// Starts Swagger UI on /docs. Paths are relative to the page, so that the service also works under a path prefix.
"use strict";

window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  layout: "BaseLayout",
  presets: [window.SwaggerUIBundle.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  // Credentials that are typed in stay in the page: a reload forgets them.
  persistAuthorization: false,
  // The badge would send the description's address to a validator outside.
  validatorUrl: null,
});
