#include "connectors/lake/lake_event_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"
#include "records/record_time.h"
#include "records/row_identifier.h"

namespace millrace::lake {
namespace {

constexpr char kRemedy[] =
    "restore the file, or move it out of the lake: its rows are then missing, and `millrace "
    "reconcile --repair` writes them again";

std::vector<std::string> ColumnsOf(Form form) {
  if (form == Form::kRaw) return {"event", "properties"};
  return {"event", "event_time", "insert_id", "distinct_id"};
}

// The type of a data file, by its name.
std::optional<FileType> TypeOf(std::string_view uri) {
  for (const FileFormat format :
       {FileFormat::kParquet, FileFormat::kNdjsonGz, FileFormat::kNdjsonZst}) {
    if (!uri.ends_with(ExtensionOf(format))) continue;
    return format == FileFormat::kParquet ? FileType::kParquet : FileType::kNdjson;
  }
  return std::nullopt;
}

std::optional<int64_t> MillisOf(const Value& time) {
  if (time.kind != Value::Kind::kTimestamp) {
    const std::optional<int64_t> micros = UnixMicros(time);
    return micros ? std::optional(MillisOfMicros(*micros)) : std::nullopt;
  }
  switch (time.unit) {
    case Value::Unit::kSecond:
      return time.integer * 1000;
    case Value::Unit::kMilli:
      return time.integer;
    case Value::Unit::kMicro:
      return MillisOfMicros(time.integer);
    case Value::Unit::kNano:
      return MillisOfMicros(MillisOfMicros(time.integer));
  }
  return std::nullopt;
}

absl::Status CheckColumns(const std::vector<std::string>& there,
                          const std::vector<std::string>& needed) {
  for (const std::string& name : needed) {
    if (std::find(there.begin(), there.end(), name) != there.end()) continue;
    return absl::InvalidArgumentError(
        StrCat("it has no column ", name, ", so Millrace did not write it"));
  }
  return absl::OkStatus();
}

// Errors of a file that reading it again may not have: it comes or goes with those who write.
bool MayPass(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

// Errors of the store, which explain themselves.
bool IsOfTheStore(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

absl::Status Explain(const absl::Status& status, const ObjectInfo& file) {
  if (status.ok() || IsOfTheStore(status)) return status;
  const std::string why(ToStd(status.message()));
  if (MayPass(status)) {
    return absl::UnavailableError(
        StrCat("a file was removed or replaced while the lake was read: ", file.uri, ": ", why));
  }
  return absl::FailedPreconditionError(StrCat("reading ", file.uri, ": ", why, "; ", kRemedy));
}

}  // namespace

// Calls `on_event` for the rows of files.
class LakeEventReader::Rows final : public RowVisitor {
 public:
  Rows(const EventQuery& query, const OnEvent& on_event) : query_(query), on_event_(on_event) {}

  // A file whose rows have this form.
  void Begin(Form form) { form_ = form; }

  // The first error of `on_event`.
  const absl::Status& status() const { return status_; }

  void OnRow(const Row& row) override {
    if (!status_.ok()) return;
    FindColumns(*row.shape);
    const std::optional<int64_t> millis = form_ == Form::kRaw ? TakeRaw(row) : TakeColumns(row);
    const bool has_name = !event_.event.empty();
    if (has_name && !has_time_) return;
    const bool is_event = has_name && millis.has_value();
    if (millis && !IsWanted(EventIdentity{.unix_millis = *millis}.day())) return;
    if (!is_event) SetNoEvent(row);
    status_ = on_event_(event_);
  }

  void OnBadRow(uint64_t, const absl::Status&, std::string_view raw) override {
    if (!status_.ok()) return;
    event_.event.clear();
    event_.key = raw;
    status_ = on_event_(event_);
  }

 private:
  enum Column { kEvent, kTime, kInsertId, kDistinctId, kProperties, kColumns };
  static constexpr std::array<std::string_view, kColumns> kNames = {
      "event", "event_time", "insert_id", "distinct_id", "properties"};

  bool IsWanted(int64_t day) const { return query_.first_day <= day && day <= query_.last_day; }

  void FindColumns(const RowShape& shape) {
    if (shape.id == shape_) return;
    shape_ = shape.id;
    for (size_t column = 0; column < kColumns; ++column) {
      places_[column].reset();
      for (size_t i = 0; i < shape.names.size(); ++i) {
        if (shape.names[i] == kNames[column]) places_[column] = i;
      }
    }
  }

  Value ValueOf(const Row& row, Column column) const {
    return places_[column] ? row.values[*places_[column]] : Value::Null();
  }

  std::string_view TextOf(const Row& row, Column column) {
    ByteBuffer& text = texts_[column];
    text.clear();
    const Value value = ValueOf(row, column);
    if (!value.is_null()) AppendPlainText(text, value);
    return text.view();
  }

  // Set event_, without a name if there is none, and has_time_, and return the time if it can be
  // read.
  std::optional<int64_t> TakeColumns(const Row& row) {
    const Value time = ValueOf(row, kTime);
    has_time_ = !time.is_null();
    const std::optional<int64_t> millis = MillisOf(time);
    event_.Set(std::string(TextOf(row, kEvent)), TextOf(row, kDistinctId), millis.value_or(0),
               TextOf(row, kInsertId));
    return millis;
  }
  std::optional<int64_t> TakeRaw(const Row& row) {
    const Value properties = ValueOf(row, kProperties);
    has_time_ = false;
    event_.event.clear();
    if (properties.kind != Value::Kind::kJson || !properties.text.starts_with('{')) {
      return std::nullopt;
    }
    event_.event = TextOf(row, kEvent);
    if (event_.event.empty()) return std::nullopt;
    record_.clear();
    record_.Append("{\"event\":");
    AppendJsonValue(record_, ValueOf(row, kEvent));
    record_.Append(",\"properties\":");
    record_.Append(properties.text);
    record_.Append('}');
    has_time_ = identifier_.Identify(record_.view(), event_).ok();
    return has_time_ ? std::optional(event_.unix_millis) : std::nullopt;
  }

  void SetNoEvent(const Row& row) {
    record_.clear();
    for (size_t i = 0; i < row.values.size(); ++i) {
      record_.Append(i == 0 ? "{" : ",");
      AppendJsonValue(record_, Value::Text(Value::Kind::kText, row.shape->names[i]));
      record_.Append(':');
      AppendJsonValue(record_, row.values[i]);
    }
    record_.Append(row.values.empty() ? "{}" : "}");
    event_.event.clear();
    event_.key = record_.view();
  }

  Form form_ = Form::kTable;
  const EventQuery& query_;
  const OnEvent& on_event_;
  absl::Status status_;
  RowIdentifier identifier_;
  uint64_t shape_ = 0;
  std::array<std::optional<size_t>, kColumns> places_;  // of that shape
  std::array<ByteBuffer, kColumns> texts_;
  ByteBuffer record_;
  EventIdentity event_;
  bool has_time_ = false;
};

EventReader::Identify LakeEventReader::NewIdentify() const {
  return
      [rows = std::make_shared<RowIdentifier>()](std::string_view record, EventIdentity& identity) {
        return rows->Identify(record, identity);
      };
}

absl::Status LakeEventReader::Read(const EventQuery& query, const OnEvent& on_event,
                                   std::stop_token stop) {
  const LakeStore::Stop watch = store_.Watch(stop);
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> files, FindFiles(query));
  Rows rows(query, on_event);
  for (const ObjectInfo& file : files) {
    const absl::Status read = ReadFile(file, rows, stop);
    RETURN_IF_ERROR(rows.status());
    RETURN_IF_ERROR(Explain(read, file));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ObjectInfo>> LakeEventReader::FindFiles(const EventQuery& query) {
  std::vector<ObjectInfo> files;
  const absl::Status listed = store_.objects().List(store_.folder(), [&](const ObjectInfo& object) {
    if (!MayHold(object.uri, query)) return absl::OkStatus();
    if (!TypeOf(object.uri)) {
      return absl::FailedPreconditionError(
          StrCat(object.uri, " is not a Parquet, .ndjson.gz or .ndjson.zst file, so the lake has ",
                 "rows that cannot be compared: move it elsewhere, or give it a name that begins ",
                 "with '_', which readers skip"));
    }
    files.push_back(object);
    return absl::OkStatus();
  });
  if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  return files;
}

bool LakeEventReader::MayHold(std::string_view uri, const EventQuery& query) const {
  if (spec_.by_arrival || !uri.starts_with(store_.folder())) return true;
  const std::string_view path = uri.substr(store_.folder().size());
  const auto days = spec_.path.DaysOf(path.substr(0, path.rfind('/') + 1));
  return !days || (days->first <= days->last && days->first <= query.last_day &&
                   query.first_day <= days->last);
}

absl::Status LakeEventReader::ReadFile(const ObjectInfo& file, Rows& rows,
                                       const std::stop_token& stop) {
  const FileType type = *TypeOf(file.uri);
  const Form form = type == FileType::kParquet ? Form::kTable : spec_.form;
  const std::vector<std::string> columns = ColumnsOf(form);
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object, store_.objects().Open(file));
  ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader,
                   OpenRows(object, {.type = type, .has_entry = false, .columns = columns}));
  if (type == FileType::kParquet) RETURN_IF_ERROR(CheckColumns(reader->columns(), columns));
  rows.Begin(form);
  DecodeScratch scratch;
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("reading the lake was stopped");
    ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader->Read(ChunkLimits()));
    if (chunk == nullptr) return object->CheckUnchanged();
    chunk->ForEachRow(scratch, rows);
    RETURN_IF_ERROR(rows.status());
  }
}

}  // namespace millrace::lake
