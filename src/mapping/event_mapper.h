// Rows to events.
#ifndef MILLRACE_MAPPING_EVENT_MAPPER_H_
#define MILLRACE_MAPPING_EVENT_MAPPER_H_

#include <memory>

#include "mapping/event_writer.h"
#include "mapping/json_object.h"
#include "mapping/plan_cache.h"
#include "mapping/record_mapper.h"

namespace millrace {

// By the mappings of the config.
class EventMapper : public RecordMapper {
 public:
  EventMapper(std::shared_ptr<const SourceConfig> config, absl::Time now, const RecordRules& rules,
              MapStage stage);
  void BeginObject(std::string_view uri, std::string_view version) override;
  void SetNow(absl::Time now) override { writer_.SetNow(now); }
  bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) override;

 private:
  const std::shared_ptr<const SourceConfig> config_;
  PlanCache<EventPlan> plans_;
  CellReader cells_;
  EventWriter writer_;
};

// Rows {"event": ..., "properties": {...}}; other keys are dropped.
class MixpanelEventMapper : public RecordMapper {
 public:
  MixpanelEventMapper(std::shared_ptr<const SourceConfig> config, absl::Time now,
                      const RecordRules& rules, MapStage stage);
  void BeginObject(std::string_view uri, std::string_view version) override;
  void SetNow(absl::Time now) override { writer_.SetNow(now); }
  std::string_view opened_cell() const override { return kProperties; }
  bool Map(const Row& row, RecordOrigin& origin, Batch& out, MapError& why) override;

 private:
  static constexpr std::string_view kProperties = "properties";

  struct Envelope {
    CellPath event;
    CellPath properties;
  };

  const std::shared_ptr<const SourceConfig> config_;
  const MapStage stage_;
  PlanCache<Envelope> envelopes_;
  PlanCache<EventPlan> plans_;
  CellReader cells_;
  JsonObjectParser parser_;
  EventWriter writer_;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_EVENT_MAPPER_H_
