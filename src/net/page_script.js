"use strict";
// Everything that comes from outside is put into the page as text, never as HTML.
const $ = id => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

// --- Numbers and times ---
const grouped = n => Number(n).toLocaleString("en-US");
const short = n => n < 1e5 ? grouped(Math.round(n)) : n < 1e6 ? (n / 1e3).toFixed(0) + "k" : n < 1e9 ? (n / 1e6).toFixed(2) + "M" : (n / 1e9).toFixed(2) + "B";
const bytes = n => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < 4) { n /= 1000; ++unit; }
  return (unit === 0 ? n : n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0)) + " " + units[unit];
};
const counted = (n, what) => grouped(n) + " " + what + (n === 1 ? "" : "s");
const clock = ms => new Date(ms).toLocaleTimeString("en-GB");
const hue = name => {
  let hash = 2166136261;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return (hash >>> 0) % 360;
};

// --- JSON as text: numbers keep all their digits ---
const kToken = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;
function prettyJson(text, into) {
  let depth = 0, previous = "", open = [];
  const put = (piece, className) => into.append(className ? make("span", className, piece) : piece);
  const newline = () => put("\n" + "  ".repeat(Math.min(depth, 40)));
  const tokens = text.match(kToken) || [];
  if (tokens.join("").length < text.replace(/\s/g, "").length * 0.5) { put(text); return; }
  tokens.forEach((token, i) => {
    if (token === "{" || token === "[") {
      if (previous && previous !== ":" ) newline();
      put(token); ++depth; open.push(token);
    } else if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1); open.pop();
      if (previous !== "{" && previous !== "[") newline();
      put(token);
    } else if (token === ",") put(",");
    else if (token === ":") put(": ");
    else {
      if (previous !== ":" && previous) newline();
      const isKey = token[0] === '"' && tokens[i + 1] === ":" && open[open.length - 1] === "{";
      put(token, isKey ? "k" : token[0] === '"' ? "s" : "n");
    }
    previous = token;
  });
}
// The first properties of an event, for its line.
function previewOf(text) {
  const tokens = text.slice(0, 4000).match(kToken) || [];
  const at = tokens.indexOf('"properties"');
  const pairs = [];
  let depth = 0;
  for (let i = at + 2; at >= 0 && i < tokens.length && pairs.length < 6; ++i) {
    const token = tokens[i];
    if (token === "{" || token === "[") ++depth;
    if (token === "}" || token === "]") { if (--depth <= 0) break; }
    if (depth === 1 && tokens[i + 1] === ":" && token !== '"time"' && token !== '"token"' && token !== '"$insert_id"') {
      const value = tokens[i + 2];
      if (value && value !== "{" && value !== "[") pairs.push([unquote(token), unquote(value)]);
    }
  }
  return pairs;
}
function unquote(token) {
  if (token[0] !== '"') return token;
  try { return JSON.parse(token); } catch { return token; }
}

// --- Talking to the server ---
async function ask(path, method = "GET", body) {
  const reply = await fetch(path, {method, body, cache: "no-store", credentials: "omit"});
  const json = await reply.json();
  if (!reply.ok) throw new Error(json.error || reply.statusText);
  return json;
}

// --- Light or dark ---
const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = null;
try { theme = localStorage.getItem("theme"); } catch { }
const applyTheme = () => { document.documentElement.dataset.theme = theme || (dark.matches ? "dark" : "light"); };
dark.addEventListener("change", applyTheme);
$("theme").addEventListener("click", () => {
  theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", theme); } catch { }
  applyTheme();
});
applyTheme();
