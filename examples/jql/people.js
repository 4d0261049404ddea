// Profiles of users who were last seen in [params.from, params.to), milliseconds since 1970, of a
// project whose time zone is UTC. Optional: params.plan, which selects those of a plan.
//
// In a DAG that renders templates, params may be set here instead, for example
//   params.from = {{ ts | start }}; params.to = {{ ts | end }};
function main() {
  return People().filter(function (user) {
    var seen = Date.parse(user.properties.$last_seen + 'Z');
    if (params.plan && user.properties.plan !== params.plan) return false;
    return seen >= params.from && seen < params.to;
  });
}
