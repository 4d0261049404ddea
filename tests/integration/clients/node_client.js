// mixpanel (node) over HTTPS; NODE_EXTRA_CA_CERTS names the CA. argv: folder of node_modules, input file.
"use strict";
const [modules, inputFile] = process.argv.slice(2);
const Mixpanel = require(`${modules}/mixpanel`);
const input = JSON.parse(require("fs").readFileSync(inputFile));
const {hostname, port, protocol} = new URL(input.url);

const client = (config) => Mixpanel.init(input.token, {host: hostname, port, protocol: protocol.slice(0, -1), ...config});
const sent = (start) => new Promise((resolve, reject) => start((error) => error ? reject(error) : resolve()));
const fail = (errors) => { throw new Error(errors.map(String).join("; ")); };

async function run() {
  const outcome = {events: [], profiles: [], groups: []};
  const properties = (event) => ({...event.identity, ...event.properties, time: event.time});
  const plain = client({verbose: false}), verbose = client({verbose: true, secret: input.token});
  const third = Math.floor(input.events.length / 3);
  for (const event of input.events.slice(0, third)) {
    await sent((done) => plain.track(event.event, properties(event), done));
  }
  const batch = (events) => events.map((event) => ({event: event.event, properties: properties(event)}));
  await sent((done) => verbose.track_batch(batch(input.events.slice(third, 2 * third)), (errors) => done(errors && fail(errors))));
  await sent((done) => verbose.import_batch(batch(input.events.slice(2 * third)), (errors) => done(errors && fail(errors))));
  outcome.events = input.events.map((event) => event.properties.n);
  for (const [id, values] of Object.entries(input.profiles)) {
    await sent((done) => plain.people.set(id, values, done));
    outcome.profiles.push(id);
  }
  for (const [key, groups] of Object.entries(input.groups)) {
    for (const [id, values] of Object.entries(groups)) {
      await sent((done) => verbose.groups.set(key, id, values, done));
      outcome.groups.push([key, id]);
    }
  }
  await sent((done) => plain.alias(input.events[0].identity.distinct_id, "alias-1", done));
  outcome.other = ["$create_alias"];
  return outcome;
}
run().then((outcome) => { console.log(JSON.stringify(outcome)); process.exit(0); },
           (error) => { console.error(error); process.exit(1); });
