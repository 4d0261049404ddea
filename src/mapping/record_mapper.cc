#include "mapping/record_mapper.h"

#include <utility>

#include "mapping/event_mapper.h"
#include "mapping/mixpanel_profile_mapper.h"
#include "mapping/profile_mapper.h"

namespace millrace {
namespace {

// The config for records that a transform returned: nothing is left to map.
std::shared_ptr<const SourceConfig> AfterTransform(const SourceConfig& config) {
  auto after = std::make_shared<SourceConfig>(config);
  after->mixpanel_format = true;
  after->mappings.clear();
  after->event_name.clear();
  after->event_name_from_field.clear();
  return after;
}

}  // namespace

std::unique_ptr<RecordMapper> NewRecordMapper(std::shared_ptr<const SourceConfig> config,
                                              absl::Time now, const RecordRules& rules,
                                              MapStage stage) {
  if (stage == MapStage::kFinal) config = AfterTransform(*config);
  if (config->record_type == RecordType::kEvent) {
    if (config->mixpanel_format) {
      return std::make_unique<MixpanelEventMapper>(std::move(config), now, rules, stage);
    }
    return std::make_unique<EventMapper>(std::move(config), now, rules, stage);
  }
  if (config->mixpanel_format) {
    return std::make_unique<MixpanelProfileMapper>(std::move(config), rules, stage);
  }
  return std::make_unique<ProfileMapper>(std::move(config), rules, stage);
}

bool Refuse(MapError& why, std::string_view code, std::string_view field,
            std::string_view message) {
  why.code = code;
  why.field = field;
  why.message = message;
  why.mapped.clear();
  return false;
}

}  // namespace millrace
