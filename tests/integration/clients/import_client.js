// mixpanel-import; NODE_EXTRA_CA_CERTS names the CA. argv: folder of node_modules, input file.
"use strict";
const tls = require("tls");
const [modules, inputFile] = process.argv.slice(2);
const input = JSON.parse(require("fs").readFileSync(inputFile));

// Its hosts are fixed: every TLS connection of this process leads to the sandbox, as a name server could arrange it.
const connect = tls.connect;
tls.connect = (options, ...rest) => connect.call(tls, {...options, host: "127.0.0.1", port: new URL(input.url).port,
                                                       servername: "localhost", session: undefined}, ...rest);
const mixpanelImport = require(`${modules}/mixpanel-import`);

const credentials = {acct: "user", pass: "secret", project: 7, token: input.token};
const options = {strict: true, verbose: false, showProgress: false, logs: false, writeToFile: false, abridged: false,
                 fixData: false, workers: 2};

async function send(records, more) {
  const result = await mixpanelImport(credentials, records, {...options, ...more});
  if (result.failed || result.success !== records.length) {
    throw new Error(`${more.recordType}: ${result.success} of ${records.length}, ${JSON.stringify(result.errors)}`);
  }
}

async function run() {
  const outcome = {};
  const events = input.events.map(({event, identity, properties, time, insert_id}) =>
    ({event, properties: {...identity, ...properties, time, $insert_id: insert_id}}));
  const half = Math.floor(events.length / 2);
  await send(events.slice(0, half), {recordType: "event", compress: true, recordsPerBatch: 20});
  await send(events.slice(half), {recordType: "event", compress: false, transport: "got"});
  outcome.events = events.map((event) => event.properties.n);
  await send(Object.entries(input.profiles).map(([id, values]) =>
    ({$token: input.token, $distinct_id: id, $set: values})), {recordType: "user"});
  outcome.profiles = Object.keys(input.profiles);
  outcome.groups = [];
  for (const [key, groups] of Object.entries(input.groups)) {
    await send(Object.entries(groups).map(([id, values]) =>
      ({$token: input.token, $group_key: key, $group_id: id, $set: values})), {recordType: "group", groupKey: key});
    for (const id of Object.keys(groups)) outcome.groups.push([key, id]);
  }
  const read = async (more) => (await mixpanelImport(credentials, null, {...options, skipWriteToDisk: true, ...more})).dryRun;
  outcome.read_events = await read({recordType: "export", start: input.from_date, end: input.to_date});
  outcome.read_profiles = await read({recordType: "profile-export"});
  outcome.read_company = await read({recordType: "profile-export", dataGroupId: "company"});
  return outcome;
}
const log = console.log;
console.log = () => {};
run().then((outcome) => { log(JSON.stringify(outcome)); process.exit(0); },
           (error) => { console.error(error); process.exit(1); });
