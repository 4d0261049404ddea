#include "sandbox/export_stream.h"

#include <nlohmann/json.hpp>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/event_values.h"
#include "sandbox/server_properties.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr char kTerminatedEarly[] = "terminated early\n";

// Breaks the line from `begin` on in two, between two characters.
void SplitLine(size_t begin, double where, std::string* piece) {
  const size_t size = piece->size() - 1 - begin;
  size_t at = begin + 1 + static_cast<size_t>(where * static_cast<double>(size - 1));
  while (at > begin + 1 && (static_cast<unsigned char>((*piece)[at]) & 0xC0) == 0x80) --at;
  piece->insert(at, 1, '\n');
}

}  // namespace

void AppendExportLine(const StoredEvent& event, const ProjectTime& project, bool time_in_ms,
                      std::string* out) {
  const Splices& splices = event.splices;
  const int64_t exported_ms = project.ExportedMs(event.time_ms);
  out->append(event.json.substr(0, splices.time_begin));
  StrAppend(out, time_in_ms ? exported_ms : ToExportedSeconds(exported_ms));
  out->append(event.json.substr(splices.time_end, splices.properties_end - splices.time_end));
  ForEachServerProperty(event, [&](std::string_view name, const ServerProperty& value) {
    StrAppend(out, ",\"", name, "\":");
    if (const auto* number = std::get_if<int64_t>(&value)) StrAppend(out, *number);
    if (const auto* truth = std::get_if<bool>(&value)) out->append(*truth ? "true" : "false");
    if (const auto* text = std::get_if<std::string_view>(&value)) AppendJsonString(*out, *text);
  });
  out->append(event.json.substr(splices.properties_end));
  out->push_back('\n');
}

ExportStream::ExportStream(EventStore& store, const ProjectTime& project, Faults& faults,
                           Options options)
    : store_(store),
      project_(project),
      faults_(faults),
      options_(std::move(options)),
      last_id_(store.last_id()) {}

absl::StatusOr<bool> ExportStream::IsWanted(const StoredEvent& event) const {
  if (event.received_ms > options_.received_until) return false;
  if (!options_.where) return true;
  EventValues values(event, project_);
  return options_.where->IsTrue(
      [&](ValuesOf of, std::string_view name) { return values.Get(of, name); });
}

bool ExportStream::Append(const StoredEvent& event, std::string* piece) {
  if (rows_ == options_.faults.terminated_after) {
    faults_.CountHit(Fault::kTerminatedEarly);
    piece->append(kTerminatedEarly);
    return false;
  }
  const size_t begin = piece->size();
  AppendExportLine(event, project_, options_.time_in_ms, piece);
  if (faults_.SplitsRecord(options_.faults, event.id)) {
    SplitLine(begin, faults_.SplitPlace(event.id), piece);
  }
  return ++rows_ < options_.limit;
}

absl::Status ExportStream::Next(std::string* piece) {
  const size_t begin = piece->size();
  absl::Status failed;
  while (piece->size() - begin < kPieceBytes && !at_end_ && after_ < last_id_) {
    ASSIGN_OR_RETURN(const uint64_t at,
                     store_.Read(after_, options_.filter, [&](const StoredEvent& event) {
                       if (event.id > last_id_) return false;
                       const absl::StatusOr<bool> wanted = IsWanted(event);
                       failed = wanted.status();
                       if (!failed.ok()) return false;
                       if (*wanted) at_end_ = !Append(event, piece);
                       return !at_end_ && piece->size() - begin < kPieceBytes;
                     }));
    if (!failed.ok()) return failed;
    if (at == after_) break;
    after_ = at;
  }
  return absl::OkStatus();
}

}  // namespace millrace::sandbox
