#include "mapping/event_mapper.h"

#include "base/strings.h"
#include "mapping/value_text.h"

namespace millrace {

EventMapper::EventMapper(std::shared_ptr<const SourceConfig> config, absl::Time now,
                         const RecordRules& rules, MapStage stage)
    : config_(config), writer_(config, now, rules, stage) {}

void EventMapper::BeginObject(std::string_view uri, std::string_view version) {
  writer_.BeginObject(uri, version);
}

bool EventMapper::Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) {
  const EventPlan& plan = plans_.Get(
      *row.shape, [this](const RowShape& shape) { return CompileEventPlan(*config_, shape); });
  if (!plan.insert_id_columns.empty()) origin.id_columns = writer_.HashIdColumns(plan, row);
  const Value name = cells_.Read(plan.name, row);
  if (!writer_.Write(plan, name, row, origin, out.bytes, why)) return false;
  out.EndRow(row.number);
  return true;
}

MixpanelEventMapper::MixpanelEventMapper(std::shared_ptr<const SourceConfig> config, absl::Time now,
                                         const RecordRules& rules, MapStage stage)
    : config_(config), stage_(stage), writer_(config, now, rules, stage) {}

void MixpanelEventMapper::BeginObject(std::string_view uri, std::string_view version) {
  writer_.BeginObject(uri, version);
}

bool MixpanelEventMapper::Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) {
  const Envelope& envelope = envelopes_.Get(*row.shape, [](const RowShape& shape) {
    return Envelope{FindCell(shape, "event"), FindCell(shape, kProperties)};
  });
  const Value properties = cells_.Read(envelope.properties, row);
  if (properties.is_null()) {
    return Refuse(why, "missing_required_field", "properties",
                  "the row is not in Mixpanel's format {\"event\": ..., \"properties\": {...}}: it "
                  "has no \"properties\" (other rows need field_mappings)");
  }
  Row inner{.number = row.number};
  absl::Status parsed;
  if (row.opened != nullptr) {
    inner = *row.opened;
  } else if (properties.kind == Value::Kind::kJson) {
    parsed = parser_.Parse(properties.text, inner);
  } else {
    parsed = absl::InvalidArgumentError("expected an object");
  }
  if (!parsed.ok()) {
    // It may be an object with too many keys.
    return Refuse(why, "invalid_value", "properties",
                  properties.text.starts_with('{')
                      ? StrCat("\"properties\": ", ToStd(parsed.message()))
                      : StrCat("\"properties\" is not an object: ", QuoteValue(properties)));
  }
  const EventPlan& plan = plans_.Get(
      *inner.shape, [this](const RowShape& shape) { return CompileEventPlan(*config_, shape); });
  if (!plan.insert_id_columns.empty() && stage_ != MapStage::kFinal) {
    origin.id_columns = writer_.HashIdColumns(plan, inner);
  }
  const Value name = cells_.Read(envelope.event, row);
  if (!writer_.Write(plan, name, inner, origin, out.bytes, why)) return false;
  out.EndRow(row.number);
  return true;
}

}  // namespace millrace
