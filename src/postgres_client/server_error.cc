#include "postgres_client/server_error.h"

#include <charconv>

#include "base/strings.h"

namespace millrace::postgres {

// 25006: a read-only server, such as the old primary after a failover. 25P03, 25P04: the session
// was idle in a transaction, or the transaction took too long.
bool WantsAnotherConnection(std::string_view state) {
  return state.starts_with("08") || state.starts_with("53") || state.starts_with("57P0") ||
         state == "25006" || state == "25P03" || state == "25P04";
}

bool WasClosed(std::string_view state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57P0") || state == "25P03";
}

bool IsPassing(std::string_view state) {
  return state.starts_with("40") || state == "55P03" || state == "55006" || state == "57014";
}

bool IsOverloaded(std::string_view state) { return state.starts_with("53"); }

// 54: an index entry that is too large, JSON that is nested too deeply. P0: what the PL/pgSQL code
// of a trigger raises.
bool BlamesRows(std::string_view state) {
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("44") ||
         state.starts_with("54") || state.starts_with("P0");
}

absl::StatusCode CodeOf(std::string_view state) {
  if (WantsAnotherConnection(state) || IsPassing(state)) return absl::StatusCode::kUnavailable;
  if (state.starts_with("28")) return absl::StatusCode::kUnauthenticated;
  if (state == "42501") return absl::StatusCode::kPermissionDenied;
  if (state == "3D000") return absl::StatusCode::kNotFound;
  if (state.starts_with("42") || state.starts_with("3F") || state.starts_with("25") ||
      state.starts_with("0A") || state == "2BP01" || state.starts_with("55")) {
    return absl::StatusCode::kFailedPrecondition;
  }
  if (BlamesRows(state)) return absl::StatusCode::kInvalidArgument;
  if (state.starts_with("58") || state.starts_with("XX")) return absl::StatusCode::kDataLoss;
  return absl::StatusCode::kInternal;
}

// The first such line counts: the lines before it are those of triggers and of JSON, and the rest
// of it quotes the value, in which anything may follow.
std::optional<uint64_t> CopyLine(const ServerError& error, std::string_view table) {
  const std::string head = StrCat("COPY ", table, ", line ");
  std::string_view context = error.context;
  while (!context.starts_with(head)) {
    const size_t end = context.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    context.remove_prefix(end + 1);
  }
  uint64_t line = 0;
  const char* begin = context.data() + head.size();
  const auto [end, problem] = std::from_chars(begin, context.data() + context.size(), line);
  if (problem != std::errc() || end == begin || line == 0) return std::nullopt;
  return line;
}

}  // namespace millrace::postgres
