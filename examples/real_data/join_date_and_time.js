// The CRAN logs store the date and the time of day in two columns; Mixpanel expects one time, in UTC.
export default function (event) {
  const properties = event.properties;
  properties.time = `${properties.date}T${properties.clock}Z`;
  delete properties.date;
  delete properties.clock;
  return event;
}
