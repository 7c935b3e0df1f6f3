// Starts Redoc on /redoc, for the HTTP description or, with ?document=asyncapi, for the events. Paths are relative to the
// page, so that the service also works under a path prefix.
import { init } from "./redoc.standalone.js";

const documents = { openapi: "openapi.json", asyncapi: "asyncapi.json" };
const asked = new URLSearchParams(window.location.search).get("document");
const shown = Object.hasOwn(documents, asked ?? "") ? asked : "openapi";

document.querySelector(`nav [data-document="${shown}"]`).setAttribute("aria-current", "page");

init(
  documents[shown],
  {
    // Nothing leaves the page: by default Redoc reports its use to its maker.
    disableTelemetry: true,
    // One page, with the place in the fragment: the server has no page for each operation.
    router: "hash",
    sortRequiredPropsFirst: true,
  },
  document.getElementById("api"),
);
