#include "connectors/mixpanel/profile_body.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_writer.h"

namespace millrace::mixpanel {
namespace {

// The update's own "$token", at its top level; read only if the word occurs at all.
std::optional<nlohmann::json> OwnToken(std::string_view update) {
  if (update.find("\"$token\"") == std::string_view::npos) return std::nullopt;
  const nlohmann::json parsed = nlohmann::json::parse(update, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("$token")) return std::nullopt;
  return parsed["$token"];
}

}  // namespace

ProfileBody::ProfileBody(std::string_view token) : token_(token), token_member_("\"$token\":") {
  AppendJsonString(token_member_, token);
}

bool ProfileBody::IsForAnotherProject(std::string_view update) const {
  const std::optional<nlohmann::json> own = OwnToken(update);
  return own.has_value() && *own != token_;
}

void ProfileBody::WriteTo(ByteBuffer* out, const Batch& batch, RowRange rows) const {
  out->clear();
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const std::string_view update = batch.row(i);
    out->Append(i == rows.begin ? '[' : ',');
    if (OwnToken(update).has_value()) {
      out->Append(update);
      continue;
    }
    const std::string_view members = update.substr(update.find('{') + 1);
    const size_t first = members.find_first_not_of(" \t");
    out->Append('{');
    out->Append(token_member_);
    if (first != std::string_view::npos && members[first] != '}') out->Append(',');
    out->Append(members);
  }
  out->Append(']');
}

}  // namespace millrace::mixpanel
