// Rows of any JSON through the reader and a mapping: the output is valid, within the limits, and
// the same whether rows are mapped one by one or buffered. The first byte chooses the config.
#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "formats/testing/rows.h"
#include "mapping/identity_event.h"
#include "mapping/row_mapper.h"
#include "records/ids.h"
#include "require.h"

namespace millrace {
namespace {

constexpr std::string_view kConfigs = R"([
  {"config_id": "everything", "source_prefix": "0", "field_mappings": [
    {"source_field": "*", "mixpanel_field": "*"}]},
  {"config_id": "typed", "source_prefix": "1", "mixpanel_event_name_from_field": "n",
   "time_zone": "Europe/Berlin", "field_mappings": [
    {"source_field": "t", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
    {"source_field": "a", "mixpanel_field": "a", "type": "integer", "include_if_none": true},
    {"source_field": "b", "mixpanel_field": "b", "type": "float"},
    {"source_field": "c", "mixpanel_field": "c", "type": "boolean"},
    {"source_field": "d", "mixpanel_field": "d", "type": "string"},
    {"source_field": "e", "mixpanel_field": "e", "type": "unix_timestamp_auto"},
    {"source_field": "f", "mixpanel_field": "f", "type": "json"},
    {"source_field": "g", "mixpanel_field": "g", "type": "unix_timestamp_auto",
     "time_format": "YYYYMMDDHHMM"},
    {"source_field": "o.p.q", "mixpanel_field": "nested"},
    {"source_field": "u", "mixpanel_field": "$user_id", "type": "string_or_uuid"},
    {"source_field": "i", "mixpanel_field": "$insert_id", "type": "string_or_uuid"}]},
  {"config_id": "events", "source_prefix": "2", "insert_id": ["a", "b"]},
  {"config_id": "user", "source_prefix": "3", "record_type": "user"},
  {"config_id": "group", "source_prefix": "4", "record_type": "group", "group_key": "k"},
  {"config_id": "set", "source_prefix": "5", "record_type": "user", "field_mappings": [
    {"source_field": "u", "mixpanel_field": "$distinct_id"},
    {"source_field": "*", "mixpanel_field": "*"}]},
  {"config_id": "union", "source_prefix": "6", "record_type": "group", "group_key": "k",
   "operation": "$union", "field_mappings": [
    {"source_field": "u", "mixpanel_field": "$group_id"},
    {"source_field": "*", "mixpanel_field": "*"}]},
  {"config_id": "unset", "source_prefix": "7", "record_type": "user", "operation": "$unset",
   "field_mappings": [
    {"source_field": "u", "mixpanel_field": "$distinct_id"},
    {"source_field": "*", "mixpanel_field": "*"}]}
])";

class Judge : public RowVisitor {
 public:
  explicit Judge(RecordType type) : type_(type) {}
  void Use(RowMapper* mapper, RowMapper* holder) {
    mapper_ = mapper;
    holder_ = holder;
  }

  void OnRow(const Row& row) override {
    const size_t before = mapped_.rows();
    MapError why;
    const MapOutcome outcome = mapper_->Map(row, mapped_, why);
    holder_->Buffer(row, held_);
    Require((outcome == MapOutcome::kMapped) == (mapped_.rows() > before));
    rejected_ += outcome == MapOutcome::kRejected ? 1 : 0;
    Require(outcome == MapOutcome::kMapped || !why.code.empty());
    for (size_t i = before; i < mapped_.rows(); ++i) CheckLine(mapped_.row(i));
    Require(mapped_.bytes.size() == (mapped_.empty() ? 0 : mapped_.row_ends.back()));
  }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override {}

  void Finish() {
    BufferedRows held;
    while (!holder_->Flush(64, held_, held)) {
    }
    Require(held.rejected.size() == rejected_);
    Require(held_.bytes.view() == mapped_.bytes.view());
  }

 private:
  void CheckLine(std::string_view line) const {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    Require(record.is_object() && line.size() < (1 << 20));
    Require(line.find('\n') == std::string_view::npos);
    if (type_ != RecordType::kEvent) {
      const auto& id = record.at(type_ == RecordType::kUser ? "$distinct_id" : "$group_id");
      Require(id.is_string() && !id.get_ref<const std::string&>().empty());
      return;
    }
    Require(record.at("event").is_string());
    const nlohmann::json& properties = record.at("properties");
    const std::string& name = record.at("event").get_ref<const std::string&>();
    const bool identity = IdentityEventOf(name) != IdentityEvent::kNone;
    Require(identity == IsIdentityRecord(line));
    if (identity) {
      Require(!properties.contains("token"));
      return;
    }
    Require(properties.size() < 255 && properties.at("time").is_number_integer());
    Require(IsValidInsertId(properties.at("$insert_id").get_ref<const std::string&>()));
    bool user = false;
    for (const char* key : {"distinct_id", "$user_id", "$device_id"}) {
      if (!properties.contains(key)) continue;
      Require(!IsBannedId(properties.at(key).get_ref<const std::string&>()));
      user = true;
    }
    Require(user);
  }

  const RecordType type_;
  RowMapper* mapper_ = nullptr;
  RowMapper* holder_ = nullptr;
  Batch mapped_;
  Batch held_;
  size_t rejected_ = 0;
};

const SourcesConfig& Config() {
  static const SourcesConfig config = *SourcesConfig::Parse(kConfigs, "/fuzz/sources.json");
  return config;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  if (size < 1) return 0;
  const auto& entry = Config().entries()[data[0] % Config().entries().size()];
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto reader = OpenRows(std::make_shared<MemoryObject>(bytes), {.type = FileType::kNdjson});
  if (!reader.ok()) return 0;
  const absl::Time now = absl::FromUnixSeconds(1'767'225'600);
  const std::unique_ptr<RowMapper> mapper = *RowMapper::Make(entry, now, RecordRules::Mixpanel());
  const std::unique_ptr<RowMapper> holder = *RowMapper::Make(entry, now, RecordRules::Mixpanel());
  mapper->BeginObject("memory", "1");
  holder->BeginObject("memory", "1");
  Judge judge(entry->record_type);
  judge.Use(mapper.get(), holder.get());
  DecodeScratch scratch;
  for (;;) {
    auto chunk = (*reader)->Read({});
    if (!chunk.ok() || *chunk == nullptr) break;
    (*chunk)->ForEachRow(scratch, judge);
  }
  judge.Finish();
  return 0;
}
