// This script draws /openapi.json. It uses no library and no other host. It turns text into text nodes only, so that no
// text of the document becomes markup.
"use strict";

const methods = ["get", "post", "put", "delete"];
let api;

// el makes an element: el("p", "class", child, …). Strings become text, and null is skipped.
function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return e;
}

// words turns `x` in a text into code.
function words(text) {
  return (text || "").split("`").map((part, i) => (i % 2 ? el("code", "", part) : part));
}

// pathWords marks the parameters of a path. A narrow column may break the path after a slash.
function pathWords(path) {
  return path.split(/({[^}]*}|\/)/).map((part) => {
    if (part === "/") return [part, el("wbr")];
    return part.startsWith("{") ? el("span", "param", part) : part;
  });
}

// schemaAt follows a reference and returns the schema with its name, which may be empty.
function schemaAt(schema) {
  if (!schema || !schema.$ref) return { schema: schema || {}, name: "" };
  const name = schema.$ref.split("/").pop();
  return { schema: api.components.schemas[name] || {}, name };
}

// typeOf describes the type of a schema in a few words.
function typeOf(schema) {
  const { schema: s, name } = schemaAt(schema);
  if (s.oneOf) return s.oneOf.map(typeOf).join(" or ");
  const type = [].concat(s.type || (s.properties ? "object" : "any")).filter((t) => t !== "null").join(" or ");
  if (type === "array") return "list of " + typeOf(s.items);
  if (type === "object" && name) return name;
  if (type === "object" && s.additionalProperties && s.additionalProperties.type) {
    return "object of " + typeOf(s.additionalProperties);
  }
  return s.format && s.format !== "double" && s.format !== "int64" ? `${type} (${s.format})` : type;
}

// limits lists the constraints of a value.
function limits(s) {
  const said = [];
  if (s.enum) said.push("one of " + s.enum.map((v) => "`" + v + "`").join(", "));
  if (s.default !== undefined) said.push("default `" + s.default + "`");
  if (s.minimum !== undefined) said.push("at least " + s.minimum);
  if (s.exclusiveMinimum !== undefined) said.push("above " + s.exclusiveMinimum);
  if (s.exclusiveMaximum !== undefined) said.push("below " + s.exclusiveMaximum);
  if (s.minItems) said.push("at least " + s.minItems);
  const examples = s.examples || [];
  if (examples.length && !s.enum) said.push("for example `" + examples[0] + "`");
  return said.join(" · ");
}

// field makes a line in a list of fields or parameters.
function field(name, schema, required, description, seen) {
  const { schema: s } = schemaAt(schema);
  const more = limits(s);
  const about = description || s.description;
  return el("li", "",
    el("span", "name", name), " ", el("span", "type", typeOf(schema)), " ",
    required ? el("span", "need", "required") : null,
    about ? el("p", "about", words(about)) : null,
    more ? el("p", "about more", words(more)) : null,
    folded(inside(schema, seen)));
}

// folded hides the fields of an object until a reader opens them.
function folded(body) {
  return body ? el("details", "fold", el("summary", "", "its fields"), body) : null;
}

// inside lists the fields of an object, of a list of objects or of a choice of objects. It is null if there are none.
// It marks required fields in requests only.
function inside(schema, seen, request) {
  const { schema: s, name } = schemaAt(schema);
  if (name && seen.includes(name)) return null;
  const deeper = name ? [...seen, name] : seen;
  if (s.oneOf) {
    const choices = s.oneOf.map((o) => ({ o, body: inside(o, deeper, request) })).filter((c) => c.body);
    return choices.length ? el("div", "", choices.map((c) => [el("p", "about more", typeOf(c.o)), c.body])) : null;
  }
  if (s.type === "array" || [].concat(s.type || []).includes("array")) return inside(s.items, deeper, request);
  const names = Object.keys(s.properties || {});
  if (!names.length) return null;
  return el("ul", "fields", names.map((n) => {
    const property = s.properties[n];
    return field(n, property, request && (s.required || []).includes(n), property.description, deeper);
  }));
}

function parameters(op) {
  if (!(op.parameters || []).length) return null;
  return [el("h4", "", "Parameters"), el("ul", "fields", op.parameters.map((p) => {
    const line = field(p.name, p.schema, p.required, p.description, []);
    line.firstChild.after(" ", el("span", "type", "in " + p.in));
    return line;
  }))];
}

function described(schema) {
  return el("p", "about", typeOf(schema), schema.description ? [": ", words(schema.description)] : null);
}

function content(of, request) {
  return Object.entries(of || {}).map(([media, m]) => [
    el("span", "media", media),
    m.schema ? inside(m.schema, [], request) || described(m.schema) : null,
  ]);
}

function responses(op) {
  return [el("h4", "", "Answers"), Object.entries(op.responses || {}).map(([status, r]) => {
    const isProblem = status === "default";
    const code = el("span", isProblem ? "status problem" : "status", isProblem ? "4xx, 5xx" : status);
    const head = el("p", "about", code, " ", words(r.description));
    return isProblem ? el("div", "", head) : el("div", "", head, content(r.content, false));
  })];
}

// curl returns a command that calls the operation.
function curl(method, path, op) {
  const url = location.origin + path.replace("{model}", "iris").replace("{version}", "1")
    .replace("{task_id}", "$TASK_ID").replace("{file}", "docs.css");
  const of = (op.requestBody || {}).content || {};
  const json = of["application/json"];
  const implied = method === "get" || json && method === "post" && op.requestBody.required;
  let command = "curl " + (implied ? "" : `-X ${method.toUpperCase()} `) + url;
  if (of["multipart/form-data"]) return `${command}\n${command.replace("-X POST ", "")} -F file=@data.csv`;
  if (json) {
    const body = JSON.stringify(json.example || exampleOf(json.schema));
    command += ` \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
  }
  return command;
}

// exampleOf returns an example with the required fields of a schema.
function exampleOf(schema) {
  const { schema: s } = schemaAt(schema);
  if (s.examples) return s.examples[0];
  const made = {};
  for (const name of s.required || []) made[name] = exampleOf(s.properties[name]);
  return made;
}

// codeBox adds a button that copies the code.
function codeBox(pre) {
  const button = el("button", "copy", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it manually";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return el("div", "codebox", pre, button);
}

function route(method, path, op) {
  const details = el("details", "route",
    el("summary", "", el("span", "method " + method, method.toUpperCase()), el("span", "path", pathWords(path)),
      el("span", "words", op.summary || "")));
  details.id = op.operationId;
  details.dataset.words = `${method} ${path} ${op.summary}`.toLowerCase();
  // A route draws its contents when a reader opens it, which keeps the page fast.
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    details.append(el("div", "inside",
      op.description ? el("p", "about", words(op.description)) : null,
      parameters(op),
      op.requestBody ? [el("h4", "", "Body"), content(op.requestBody.content, true)] : null,
      responses(op),
      el("h4", "", "Example"), codeBox(el("pre", "", el("code", "", curl(method, path, op))))));
  });
  return details;
}

// inOrder sorts the routes: first predictions of the models that are served, which a reader tries first, then routes
// with a model name, then routes of the default model.
function inOrder(paths) {
  const rank = ([path, item]) => {
    if (item.post && item.post.operationId.startsWith("predict-model-")) return 0;
    return path.startsWith("/{model}") ? 1 : 2;
  };
  return Object.entries(paths).sort((a, b) => rank(a) - rank(b));
}

function draw() {
  document.getElementById("version").textContent = api.info.version;
  const routes = document.getElementById("routes");
  const toc = document.getElementById("toc");
  for (const tag of api.tags || []) {
    const heading = el("h3", "tag", tag.name);
    const section = el("section", "", heading, el("p", "tagwords", words(tag.description)));
    const links = el("div", "", el("h3", "", tag.name));
    for (const [path, item] of inOrder(api.paths)) {
      for (const method of methods) {
        const op = item[method];
        if (!op || !(op.tags || []).includes(tag.name)) continue;
        section.append(route(method, path, op));
        const link = el("a", "", el("span", "method " + method, method.toUpperCase()),
          el("span", "path", pathWords(path)));
        link.href = "#" + op.operationId;
        link.dataset.words = `${method} ${path} ${op.summary}`.toLowerCase();
        links.append(link);
      }
    }
    routes.append(section);
    toc.append(links);
  }
}

// openTarget opens the route in the fragment of the address.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter(event) {
  const wanted = event.target.value.toLowerCase().trim();
  for (const e of document.querySelectorAll("[data-words]")) e.hidden = !e.dataset.words.includes(wanted);
  for (const group of document.querySelectorAll("#routes > section, #toc > div")) {
    group.hidden = !group.querySelector("[data-words]:not([hidden])");
  }
}

async function start() {
  for (const pre of document.querySelectorAll("#examples pre")) {
    pre.firstElementChild.textContent = pre.textContent.replaceAll("{origin}", location.origin);
    const place = document.createComment("");
    pre.replaceWith(place);
    place.replaceWith(codeBox(pre));
  }
  document.getElementById("filter").addEventListener("input", filter);
  addEventListener("hashchange", openTarget);
  const state = document.getElementById("state");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error("status " + answer.status);
    api = await answer.json();
    draw();
    state.remove();
    openTarget();
  } catch (err) {
    state.textContent = "Cannot read the document: " + err.message + ". Is the server still running?";
  }
}

start();
