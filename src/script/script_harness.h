// The JavaScript between the engine and the user's function.
#ifndef MILLRACE_SCRIPT_SCRIPT_HARNESS_H_
#define MILLRACE_SCRIPT_SCRIPT_HARNESS_H_

#include <string_view>

namespace millrace {

// Removes what a transform does not need, and functions that wait or allocate without a limit, so
// that the time limit can be enforced by polling.
inline constexpr std::string_view kScriptPrelude = R"((function () {
  'use strict';
  for (const name of ['Promise', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'ArrayBuffer',
      'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array',
      'Int32Array', 'Uint32Array', 'Float16Array', 'Float32Array', 'Float64Array',
      'BigInt64Array', 'BigUint64Array', 'FinalizationRegistry', 'WeakRef', '$vm']) {
    delete globalThis[name];
  }
  delete Array.fromAsync;
  const most = 1 << 24;
  const limit = (prototype, name, length) => {
    const original = prototype[name];
    const apply = Reflect.apply;
    Object.defineProperty(prototype, name, { value: function () {
      if (!(length(this, arguments[0]) <= most)) throw new RangeError(name + ': the result is too large');
      return apply(original, this, arguments);
    }, writable: true, configurable: true });
  };
  limit(String.prototype, 'repeat', (text, count) => String(text).length * (+count || 0));
  limit(String.prototype, 'padStart', (text, length) => +length || 0);
  limit(String.prototype, 'padEnd', (text, length) => +length || 0);
  limit(Array.prototype, 'fill', (array) => +array.length || 0);
  limit(Array.prototype, 'join', (array) => +array.length || 0);
}))";

// A function of (module expression, its url, log, progress, maxCallChars, maxResultChars,
// maxResults) that returns [run, taken]:
//   run(text, first)  calls the user's function with the elements of the JSON array `text` (null:
//                     of the last one), from `first` on, until all are done or the lines have
//                     maxCallChars; returns what became of them as lines, in order:
//                       =<JSON>   a record that the function returned
//                       !<JSON>   it threw: {"message", "place", "stack"}; no "=" lines
//                       >         it returned more than maxResults records or maxResultChars of
//                                 JSON; no "=" lines
//                       .         the end of the element
//   taken()           the lines so far, when run() was stopped from outside
// progress[0] is set to the element's index before each call, progress[1] to the index after the
// last element that is done when run() returns.
inline constexpr std::string_view kScriptHarness =
    R"((function (load, url, log, progress, maxCallChars,
    maxResultChars, maxResults) {
  'use strict';
  const parse = JSON.parse;
  const stringify = JSON.stringify;
  const isArray = Array.isArray;
  const text = String;
  const TypeErrorOf = TypeError;

  const show = (value) => {
    if (typeof value === 'string') return value;
    try {
      const json = stringify(value);
      return typeof json === 'string' ? json : text(value);
    } catch (e) {
      return text(value);
    }
  };
  const console = {};
  for (const level of ['log', 'debug', 'info', 'warn', 'error']) {
    console[level] = (...parts) => {
      let line = '';
      for (let i = 0; i < parts.length; i++) line += (i === 0 ? '' : ' ') + show(parts[i]);
      log(line);
    };
  }
  globalThis.console = console;

  const module = { exports: {} };
  const [given, declared] = load(module, module.exports);
  let transform = declared;
  if (typeof given === 'function') transform = given;
  else if (given && typeof given.default === 'function') transform = given.default;
  else if (given && typeof given.transform === 'function') transform = given.transform;
  if (typeof transform !== 'function') {
    throw new TypeErrorOf('no function is exported: write `export default function (event) { ... }`');
  }

  const tooLarge = {};
  const nothing = (value) => value === undefined || value === null || value === false;
  const line = (value) => {
    if (typeof value !== 'object' || isArray(value)) {
      throw new TypeErrorOf('the transform returned ' + (isArray(value) ? 'a list in a list' :
          'a ' + typeof value) + '; return an object, a list of objects, or nothing');
    }
    const json = stringify(value);
    if (typeof json !== 'string' || json[0] !== '{') {
      throw new TypeErrorOf('the transform returned something that is no JSON object');
    }
    if (json.length > maxResultChars) throw tooLarge;
    return '=' + json + '\n';
  };
  const call = (record) => {
    const result = transform(record);
    if (nothing(result)) return '';
    if (!isArray(result)) return line(result);
    let lines = '';
    let results = 0;
    for (let i = 0; i < result.length; i++) {
      if (nothing(result[i])) continue;
      lines += line(result[i]);
      if (++results > maxResults || lines.length > maxResultChars) throw tooLarge;
    }
    return lines;
  };
  const cut = (value, most) => {
    const shown = text(value);
    return shown.length > most ? shown.slice(0, most) + '...' : shown;
  };
  // The user's place in a stack: "name@url:line:column", the innermost call first.
  const placeIn = (stack) => {
    const at = stack.indexOf(url + ':');
    if (at < 0) return '';
    const end = stack.indexOf('\n', at);
    return end < 0 ? stack.slice(at) : stack.slice(at, end);
  };
  const describe = (e) => {
    try {
      const stack = typeof e === 'object' && e !== null ? text(e.stack) : '';
      const place = placeIn(stack);
      return stringify({ message: cut(e, 1000), place, stack: place === '' ? '' : cut(stack, 2000) });
    } catch (unshowable) {
      return '{"message":"an exception that cannot be shown"}';
    }
  };

  let out = '';
  let records = [];
  const run = (json, first) => {
    out = '';
    if (json !== null) records = parse(json);
    let i = first;
    for (; i < records.length && out.length < maxCallChars; i++) {
      progress[0] = i;
      let lines;
      try {
        lines = call(records[i]);
      } catch (e) {
        lines = e === tooLarge ? '>\n' : '!' + describe(e) + '\n';
      }
      out += lines + '.\n';
    }
    progress[1] = i;
    if (i >= records.length) records = [];  // nothing that the next garbage collection would mark
    return out;
  };
  return [run, () => out];
}))";

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_HARNESS_H_
