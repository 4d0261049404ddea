#include "export/identity_store.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/window_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// The first line: {"since": DAY, "read_until": DAY, "ids": N}. Each other one is an id: [TEXT, the
// number of its root, claim, milliseconds].
absl::Status Damaged(const std::string& path) {
  return absl::DataLossError(
      StrCat(path, " is damaged: remove it, and the next export makes it again"));
}

bool ParseDay(const Json& line, const char* name, absl::CivilDay& day) {
  return line.contains(name) && line[name].is_string() &&
         absl::ParseCivilTime(line[name].get<std::string>(), &day);
}

std::optional<IdentityGraph::Entry> ParseEntry(const Json& line) {
  const auto is_number = [&](size_t i) { return line[i].is_number_unsigned(); };
  if (!line.is_array() || line.size() != 4 || !line[0].is_string() || !is_number(1) ||
      !is_number(2) || line[2] > static_cast<int>(IdentityClaim::kChosen) || line[1] > UINT32_MAX ||
      !line[3].is_number_integer()) {
    return std::nullopt;
  }
  return IdentityGraph::Entry{.id = line[0],
                              .parent = line[1],
                              .claim = static_cast<IdentityClaim>(line[2].get<int>()),
                              .millis = line[3]};
}

}  // namespace

absl::Status SaveIdentities(const std::string& path, const IdentityDays& days,
                            const IdentityGraph& graph) {
  ZstdEncoder encoder(kWindowFileLevel);
  ASSIGN_OR_RETURN(const std::unique_ptr<WindowFileWriter> file,
                   WindowFileWriter::Create(path, encoder));
  RETURN_IF_ERROR(file->Append(
      StrCat("{\"since\":\"", absl::FormatCivilTime(days.since), "\",\"read_until\":\"",
             absl::FormatCivilTime(days.read_until), "\",\"ids\":", graph.size(), "}")));
  for (uint32_t index = 0; index < graph.size(); ++index) {
    const IdentityGraph::Entry entry = graph.EntryOf(index);
    std::string line = "[";
    AppendJsonString(line, entry.id);
    StrAppend(&line, ",", entry.parent, ",", static_cast<int>(entry.claim), ",", entry.millis, "]");
    RETURN_IF_ERROR(file->Append(line));
  }
  return file->Finish().status();
}

absl::StatusOr<IdentityDays> LoadIdentities(const std::string& path, IdentityGraph& graph) {
  IdentityDays days;
  std::optional<uint64_t> ids;
  const absl::Status read = ForEachRow(path, [&](std::string_view text) -> absl::Status {
    const std::optional<Json> line = ParseJson(text);
    if (!line) return Damaged(path);
    if (ids) {
      const std::optional<IdentityGraph::Entry> entry = ParseEntry(*line);
      if (!entry) return Damaged(path);
      const absl::Status loaded = graph.Load(*entry);
      return absl::IsInvalidArgument(loaded) ? Damaged(path) : loaded;
    }
    if (!line->is_object() || !ParseDay(*line, "since", days.since) ||
        !ParseDay(*line, "read_until", days.read_until) || !line->contains("ids") ||
        !(*line)["ids"].is_number_unsigned()) {
      return Damaged(path);
    }
    ids = (*line)["ids"].get<uint64_t>();
    return absl::OkStatus();
  });
  if (absl::IsDataLoss(read)) return Damaged(path);
  RETURN_IF_ERROR(read);
  if (!ids || *ids != graph.size() || !graph.Loaded().ok()) return Damaged(path);
  return days;
}

}  // namespace millrace
