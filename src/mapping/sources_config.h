// sources.json: which objects are mapped, and how. The schema is schemas/sources.schema.json, the
// documentation docs/sources-json.md.
#ifndef MILLRACE_MAPPING_SOURCES_CONFIG_H_
#define MILLRACE_MAPPING_SOURCES_CONFIG_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"
#include "formats/row_reader.h"
#include "formats/time_text.h"

namespace millrace {

enum class FieldType {
  kNone,  // as in the source
  kString,
  kInteger,
  kFloat,
  kBoolean,
  kUnixTimestampAuto,  // docs/sources-json.md, "Time"; sent as integer milliseconds
  kStringOrUuid,       // text, or a deterministic id if there is none
  kJson,               // the value of the JSON text in a cell
};

struct FieldMapping {
  std::string source_field;    // a column; "a.b" is inside a nested one if no column has that name
  std::string mixpanel_field;  // a property
  FieldType type = FieldType::kNone;
  CompactTime time_format = CompactTime::kNone;  // kNone: the rule for all times
  bool required = false;                         // is_required_in_source: a null rejects the record
  bool include_if_none = false;                  // send null instead of leaving the property out
};

enum class InsertIdRule { kContent, kPosition, kColumns };

struct SourceConfig {
  std::string config_id;
  std::string source_prefix;  // source_gcs_prefix: any URI prefix
  FileType file_type = FileType::kAuto;
  RecordType record_type = RecordType::kEvent;
  std::string event_name;              // mixpanel_event_name
  std::string event_name_from_field;   // mixpanel_event_name_from_field
  std::vector<FieldMapping> mappings;  // without the "*" mapping
  bool pass_through = false;           // there is a mapping "*" -> "*"
  InsertIdRule insert_id = InsertIdRule::kContent;
  std::vector<std::string> insert_id_columns;
  std::string group_key;           // record_type group
  std::string operation = "$set";  // record_type user and group: $set, $set_once, $unset, ...
  absl::TimeZone time_zone = absl::UTCTimeZone();  // of times without one
  // CSV and TSV; see ReadOptions. Unset: the reader's default.
  std::optional<std::vector<std::string>> null_texts;
  std::optional<char> quote;
  std::vector<std::string> columns;  // names, if files have no header; empty: they have one
  std::string transform;       // path of a JavaScript file, resolved against the config's folder
  std::string transform_text;  // the file's content when the config was read
  // True for an entry without field_mappings, and for the config used without --config: the rows
  // are already in Mixpanel's format ({"event", "properties"}, {"$distinct_id", "$set"}, ...).
  bool mixpanel_format = false;
  // A hash of everything above and of the transform's text: part of the ledger key, which shows
  // that objects were sent under a config that has changed since.
  std::string fingerprint;
  std::string fingerprint_parts;  // the same by part; see FingerprintParts()
};

inline constexpr size_t kMaxScriptBytes = 1 << 20;  // of the file of a transform

class SourcesConfig {
 public:
  // Parses the text of a sources.json; `path` names it in errors, and transforms are relative to
  // its folder. InvalidArgument names the entry (by config_id, else number), the field, what is
  // wrong and what to write instead, for all problems at once. Unknown keys are errors that suggest
  // the nearest known one.
  static absl::StatusOr<SourcesConfig> Parse(std::string_view json, const std::string& path);
  // Reads the file and parses it.
  static absl::StatusOr<SourcesConfig> Load(const std::string& path);
  // The config used without --config: Mixpanel's event format, any prefix.
  static SourcesConfig MixpanelFormat();

  // The entry with the longest source_prefix that `uri` starts with (equal lengths: the first);
  // null if none matches. A local path matches a prefix given as an absolute path, as file://, or
  // relative to the config's folder or the working directory; links in either path are resolved as
  // they were when the config was read. For a name of an Iceberg table ("iceberg:..."), what
  // follows "iceberg:" is compared, in prefixes too.
  std::shared_ptr<const SourceConfig> Match(std::string_view uri) const;

  const std::vector<std::shared_ptr<const SourceConfig>>& entries() const { return entries_; }

  // Whether the entries are the same, in the same order, with the same transforms.
  bool SaysTheSameAs(const SourcesConfig& other) const;

 private:
  // URIs that begin with `beginning` belong to `entry`.
  struct Rule {
    std::string beginning;
    std::shared_ptr<const SourceConfig> entry;
  };
  std::shared_ptr<const SourceConfig> LongestMatch(std::string_view uri) const;
  void Add(SourceConfig entry, std::vector<std::string> beginnings);

  std::vector<std::shared_ptr<const SourceConfig>> entries_;
  std::vector<Rule> rules_;
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_SOURCES_CONFIG_H_
