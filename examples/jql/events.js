// Events that Mixpanel received in [params.from, params.to), milliseconds since 1970 in UTC. They
// happened between the days params.from_date and params.to_date: an event that is older than that
// when it arrives is not found. Optional: params.events, a list of names.
//
// In a DAG that renders templates, params may be set here instead, for example
//   params.from = {{ ts | start }}; params.to = {{ ts | end }};
function main() {
  var selectors = (params.events || []).map(function (name) {
    return {event: name};
  });
  var range = {from_date: params.from_date, to_date: params.to_date};
  if (selectors.length > 0) range.event_selectors = selectors;
  return Events(range).filter(function (event) {
    var received = event.properties.mp_processing_time_ms;
    return received >= params.from && received < params.to;
  });
}
