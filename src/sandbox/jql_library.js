// The functions of JQL. millraceJql(global, params) defines them; millraceJql.run(record, main) does
// what the engine calls for:
//   {"op": "main"}                   calls main(); returns {"events": selection or null,
//                                    "people": selection or null}
//   {"op": "people", "items": [...]} the profiles that were selected, before all events
//   {"op": "events", "items": [...]} the events
//   {"op": "end"}                    there are no more
// Except for main, it returns what is ready of the result, each as {"r": value}.
function millraceJql(global, params) {
  'use strict';
  const CHUNK = 1000;
  const fail = (message) => { throw new TypeError(message); };

  const path = (text) => {
    const names = text.split('.');
    return (item) => {
      // A property's name may have dots.
      if (names.length > 2 && names[0] === 'properties' && item && item.properties) {
        const whole = text.slice(text.indexOf('.') + 1);
        if (Object.hasOwn(item.properties, whole)) return item.properties[whole];
      }
      let value = item;
      for (const name of names) {
        if (value === undefined || value === null) return undefined;
        value = value[name];
      }
      return value;
    };
  };
  const accessor = (given) => {
    if (given === undefined) return (item) => item;
    if (typeof given === 'string') return path(given);
    return typeof given === 'function' ? given : fail('an accessor must be a property path or a function');
  };
  const numbers = (given) => {
    const get = accessor(given);
    return (item) => {
      const value = get(item);
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
    };
  };

  // A reducer of our own: make() returns {add(item), value()}.
  const builtin = (make) => {
    const reducer = () => fail('a built-in reducer can only be passed to reduce(), groupBy() and groupByUser()');
    reducer.make = make;
    return reducer;
  };
  const overNumbers = (given, start, step, finish) => builtin(() => {
    const get = numbers(given);
    let state = start();
    return {
      add(item) { const n = get(item); if (n !== undefined) state = step(state, n, item); },
      value() { return finish(state); },
    };
  });
  const same = (state) => state;
  const none = () => null;
  const extreme = (given, better) => overNumbers(given, none, (best, n) => best === null || better(n, best) ? n : best, same);
  const extremeItem = (given, better) => overNumbers(given, none,
      (best, n, item) => best === null || better(n, best.n) ? { n, item } : best, (best) => best && best.item);
  const less = (a, b) => a < b;
  const more = (a, b) => a > b;

  const merge = (into, from) => {
    for (const key of Object.keys(from)) {
      const value = from[key];
      if (typeof value === 'number' && typeof into[key] === 'number') into[key] += value;
      else if (value && typeof value === 'object' && into[key] && typeof into[key] === 'object') merge(into[key], value);
      else into[key] = value && typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value;
    }
    return into;
  };
  const percentile = (sorted, p) => {
    if (sorted.length === 0) return null;
    return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p / 100 * sorted.length) - 1))];
  };

  const reducer = {
    count: () => builtin(() => { let n = 0; return { add() { n++; }, value() { return n; } }; }),
    sum: (given) => overNumbers(given, () => 0, (sum, n) => sum + n, same),
    avg: (given) => overNumbers(given, () => ({ n: 0, sum: 0 }), (s, n) => ({ n: s.n + 1, sum: s.sum + n }),
        (s) => s.n === 0 ? null : s.sum / s.n),
    min: (given) => extreme(given, less),
    max: (given) => extreme(given, more),
    min_by: (given) => extremeItem(given, less),
    max_by: (given) => extremeItem(given, more),
    numeric_summary: (given) => overNumbers(given, () => ({ count: 0, sum: 0, sum_squares: 0 }), (s, n) => {
      s.count++;
      s.sum += n;
      s.sum_squares += n * n;
      return s;
    }, (s) => {
      const avg = s.count === 0 ? null : s.sum / s.count;
      return { ...s, avg, stddev: s.count === 0 ? null : Math.sqrt(Math.max(0, s.sum_squares / s.count - avg * avg)) };
    }),
    numeric_percentiles: (given, wanted) => overNumbers(given, () => [], (all, n) => { all.push(n); return all; }, (all) => {
      all.sort((a, b) => a - b);
      if (!Array.isArray(wanted)) return percentile(all, wanted);
      return wanted.map((p) => ({ percentile: p, value: percentile(all, p) }));
    }),
    top: (limit) => builtin(() => {
      const all = [];
      return { add(item) { all.push(item); }, value() { return all.sort((a, b) => b.value - a.value).slice(0, limit); } };
    }),
    object_merge: () => builtin(() => { const all = {}; return { add(item) { merge(all, item); }, value() { return all; } }; }),
    any: () => builtin(() => { let first = null; return { add(item) { if (first === null) first = item; }, value() { return first; } }; }),
    null: () => builtin(() => ({ add() {}, value: none })),
  };

  const calendar = (begin) => ({ begin });
  const utc = (year, month) => Date.UTC(year, month, 1);
  const DAY = 86400 * 1000;
  const bucket = (value, spec) => {
    if (spec.begin) return spec.begin(new Date(value));
    if (Array.isArray(spec)) {
      let found = null;
      for (const boundary of spec) if (boundary <= value) found = boundary;
      return found;
    }
    const offset = spec.offset || 0;
    return Math.floor((value - offset) / spec.bucket_size) * spec.bucket_size + offset;
  };
  global.mixpanel = {
    reducer,
    multiple_keys: (keys) => ({ multiple: Array.isArray(keys) ? keys : [keys] }),
    slice: (given, start, limit) => {
      const get = accessor(given);
      return (item) => { const value = get(item); return Array.isArray(value) ? value.slice(start, limit) : value; };
    },
    numeric_bucket: (given, spec) => {
      const get = numbers(given);
      return (item) => { const value = get(item); return value === undefined ? undefined : bucket(value, spec); };
    },
    to_number: (given) => {
      const get = accessor(given);
      return (item) => {
        const value = get(item);
        if (typeof value === 'number') return value;
        if (typeof value === 'boolean') return value ? 1 : 0;
        if (typeof value !== 'string' || value.trim() === '') return undefined;
        if (Number.isFinite(Number(value))) return Number(value);
        const time = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(value) || value.length <= 10 ? value : value + 'Z');
        return Number.isNaN(time) ? undefined : time / 1000;
      };
    },
    daily_time_buckets: { bucket_size: DAY },
    weekly_time_buckets: { bucket_size: 7 * DAY, offset: 4 * DAY },
    monthly_time_buckets: calendar((d) => utc(d.getUTCFullYear(), d.getUTCMonth())),
    quarterly_time_buckets: calendar((d) => utc(d.getUTCFullYear(), d.getUTCMonth() - d.getUTCMonth() % 3)),
    annual_time_buckets: calendar((d) => utc(d.getUTCFullYear(), 0)),
  };

  // What a group makes of its items; `flat`: the state itself is passed, as in groupByUser().
  const reduction = (given, flat) => {
    if (given && given.make) return given.make();
    if (typeof given !== 'function') fail('a reducer must be a function');
    let state;
    let items = [];
    let begun = false;
    const flush = () => {
      state = flat ? given(state, items) : given(begun ? [state] : [], items);
      begun = true;
      items = [];
    };
    return {
      add(item) { items.push(item); if (items.length === CHUNK) flush(); },
      value() { if (items.length > 0 || !begun) flush(); return state; },
    };
  };
  const reductions = (given, flat) => {
    if (!Array.isArray(given)) return reduction(given, flat);
    const all = given.map((one) => reduction(one, flat));
    return {
      add(item) { for (const one of all) one.add(item); },
      value() { return all.map((one) => one.value()); },
    };
  };

  const scalar = (value) => {
    if (value === undefined || value === null) return null;
    if (typeof value === 'object' || typeof value === 'function') fail('a group key can only have scalars');
    return value;
  };
  // All keys of an item: several if mixpanel.multiple_keys() has lists.
  const keysOf = (specs) => {
    const parts = [];
    const add = (spec, multiple) => {
      if (spec && spec.multiple) for (const one of spec.multiple) add(one, true);
      else parts.push({ get: accessor(spec), multiple });
    };
    for (const spec of specs) add(spec, false);
    return (item) => {
      let keys = [[]];
      for (const { get, multiple } of parts) {
        const value = get(item);
        const values = Array.isArray(value) ? value.map(scalar) : [scalar(value)];
        if (multiple) keys = values.flatMap((one) => keys.map((key) => [...key, one]));
        else for (const key of keys) key.push(...values);
      }
      return keys;
    };
  };
  const listOf = (specs) => Array.isArray(specs) ? specs : [specs];

  // A stage gets items and passes others on. Each function takes the next one.
  const stages = {
    filter: (test) => (next) => ({ push(item) { if (test(item)) next.push(item); }, end() { next.end(); } }),
    map: (change) => (next) => ({ push(item) { next.push(change(item)); }, end() { next.end(); } }),
    flatten: () => (next) => ({
      push(item) { if (Array.isArray(item)) for (const one of item) next.push(one); else next.push(item); },
      end() { next.end(); },
    }),
    reduce: (given) => (next) => {
      const all = reductions(given, false);
      return { push(item) { all.add(item); }, end() { next.push(all.value()); next.end(); } };
    },
    groupBy: (specs, given) => (next) => {
      const keys = keysOf(listOf(specs));
      const groups = new Map();
      return {
        push(item) {
          for (const key of keys(item)) {
            const name = JSON.stringify(key);
            let group = groups.get(name);
            if (group === undefined) groups.set(name, group = { key, all: reductions(given, false) });
            group.all.add(item);
          }
        },
        end() {
          for (const { key, all } of groups.values()) next.push({ key, value: all.value() });
          next.end();
        },
      };
    },
    groupByUser: (first, second) => (next) => {
      const given = second === undefined ? first : second;
      const extra = keysOf(second === undefined ? [] : listOf(first));
      const timeOf = (item) => item.time !== undefined ? item.time : item.event ? item.event.time : 0;
      const items = [];
      return {
        push(item) { items.push(item); },
        end() {
          items.sort((a, b) => timeOf(a) - timeOf(b));
          const groups = new Map();
          for (const item of items) {
            for (const rest of extra(item)) {
              const key = [scalar(item.distinct_id), ...rest];
              const name = JSON.stringify(key);
              let group = groups.get(name);
              if (group === undefined) groups.set(name, group = { key, all: reductions(given, true) });
              group.all.add(item);
            }
          }
          for (const { key, all } of groups.values()) next.push({ key, value: all.value() });
          next.end();
        },
      };
    },
    sort: (given, sign) => (next) => {
      const get = accessor(given);
      const rank = (value) => value === undefined || value === null ? 0 : typeof value === 'boolean' ? 1 : typeof value === 'number' ? 2 : 3;
      const compare = (a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
      const items = [];
      return {
        push(item) { items.push([scalar(get(item)), item]); },
        end() {
          items.sort((a, b) => sign * compare(a[0], b[0]));
          for (const [, item] of items) next.push(item);
          next.end();
        },
      };
    },
    applyGroupLimits: (limits, most) => (next) => {
      const seen = new Map();
      let passed = 0;
      return {
        push(item) {
          if (most !== undefined && passed >= most) return;
          const levels = [];
          for (let i = 0; i < limits.length && i < item.key.length; i++) {
            const name = JSON.stringify(item.key.slice(0, i));
            const values = seen.get(name) || new Set();
            if (!values.has(item.key[i]) && values.size >= limits[i]) return;
            levels.push([name, values, item.key[i]]);
          }
          for (const [name, values, value] of levels) seen.set(name, values.add(value));
          passed++;
          next.push(item);
        },
        end() { next.end(); },
      };
    },
  };

  class Collection {
    constructor(source, chain, filtered) {
      Object.defineProperty(this, 'source', { value: source });
      Object.defineProperty(this, 'chain', { value: chain });
      Object.defineProperty(this, 'filtered', { value: filtered });
    }
    with(stage, filtered) { return new Collection(this.source, [...this.chain, stage], this.filtered && filtered); }
    filter(test) { return this.with(stages.filter(test), true); }
    map(change) { return this.with(stages.map(change)); }
    flatten() { return this.with(stages.flatten()); }
    reduce(given) { return this.with(stages.reduce(given)); }
    groupBy(specs, given) { return this.with(stages.groupBy(specs, given)); }
    groupByUser(first, second) {
      if (!this.filtered) fail('groupByUser() can only be applied to Events(), People() or join(), or to a filter of them');
      return this.with(stages.groupByUser(first, second));
    }
    sortAsc(given) { return this.with(stages.sort(given, 1)); }
    sortDesc(given) { return this.with(stages.sort(given, -1)); }
    applyGroupLimits(limits, most) { return this.with(stages.applyGroupLimits(limits, most)); }
  }

  const day = (value, name) => {
    const text = value instanceof Date ? value.toISOString() : value;
    if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d/.test(text)) fail('Events(): ' + name + ' must be a date, "YYYY-MM-DD"');
    return text.slice(0, 10);
  };
  const selectors = (given, known) => {
    if (given === undefined || given === null) return null;
    if (!Array.isArray(given)) fail('selectors must be a list');
    return given.map((one) => Object.fromEntries(known.filter((name) => one[name] !== undefined).map((name) => [name, String(one[name])])));
  };
  global.params = params;
  global.Events = (given) => {
    const { from_date, to_date, event_selectors } = given || {};
    return new Collection({ events: { from_date: day(from_date, 'from_date'), to_date: day(to_date, 'to_date'),
        selectors: selectors(event_selectors, ['event', 'selector']) } }, [], true);
  };
  global.People = (given) => new Collection({ people: { selectors: selectors((given || {}).user_selectors, ['selector']) } }, [], true);
  global.join = (events, people, options) => {
    const { type = 'full', selectors: given } = options || {};
    if (given !== undefined) fail('join(): the sandbox does not evaluate selectors; use filter()');
    if (!(events instanceof Collection) || !events.source.events || !(people instanceof Collection) || !people.source.people) {
      fail('join() takes Events() and People()');
    }
    if (events.chain.length > 0 || people.chain.length > 0) fail('join(): the collections cannot have transformations');
    if (!['full', 'left', 'right', 'inner'].includes(type)) fail('join(): type must be full, left, right or inner');
    return new Collection({ events: events.source.events, people: people.source.people, type }, [], true);
  };
  global._ = {
    map: (list, f) => Object.values(list).map((one) => f(one)),
    each: (list, f) => { Object.values(list).forEach((one) => f(one)); },
    filter: (list, f) => Object.values(list).filter((one) => f(one)),
    contains: (list, one) => Object.values(list).includes(one),
    keys: (object) => Object.keys(object),
    values: (object) => Object.values(object),
    extend: (into, ...others) => Object.assign(into, ...others),
  };

  let head = null;
  let source = null;
  let ready = [];
  let people = null;  // of a join: by id
  let matched = null;
  const pushJoined = (event, user) => head.push({ distinct_id: event ? event.distinct_id : user.distinct_id, event, user });
  const operations = {
    events(items) {
      for (const event of items) {
        if (people === null) {
          head.push(event);
          continue;
        }
        const user = event.distinct_id === undefined ? undefined : people.get(event.distinct_id);
        if (user === undefined && (source.type === 'right' || source.type === 'inner')) continue;
        if (user !== undefined) matched.add(event.distinct_id);
        pushJoined(event, user);
      }
    },
    people(items) {
      for (const user of items) {
        if (people === null) head.push(user);
        else people.set(user.distinct_id, user);
      }
    },
    end() {
      if (people !== null && (source.type === 'full' || source.type === 'right')) {
        for (const [id, user] of people) if (!matched.has(id)) pushJoined(undefined, user);
      }
      head.end();
    },
  };
  const start = (main) => {
    const result = main();
    if (!(result instanceof Collection)) fail('main() must return Events(), People() or join(), with or without transformations');
    source = result.source;
    if (source.type !== undefined) {
      people = new Map();
      matched = new Set();
    }
    head = { push(item) { ready.push({ r: item === undefined ? null : item }); }, end() {} };
    for (const stage of [...result.chain].reverse()) head = stage(head);
    return { events: source.events || null, people: source.people || null };
  };
  millraceJql.run = (record, main) => {
    if (record.op === 'main') return start(main);
    // The engine starts again, without what came before, if the heap is full.
    if (head === null) throw new RangeError('the query takes too much memory');
    operations[record.op](record.items);
    const results = ready;
    ready = [];
    return results;
  };
}
