#include "records/column_finder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "formats/id_text.h"

namespace millrace {
namespace {

// Its number among `names`; their number if it is not there, or is empty.
size_t FieldOf(const std::vector<std::string>& names, std::string_view key) {
  if (key.empty()) return names.size();
  return static_cast<size_t>(std::find(names.begin(), names.end(), key) - names.begin());
}

}  // namespace

ColumnFinder::ColumnFinder(RecordType type, std::string_view column) {
  for (const StandardColumn& standard : StandardColumns(type)) {
    if (standard.name == column) column_ = &standard;
  }
}

std::string_view ColumnFinder::Find(const RecordParser& record) {
  if (column_ == nullptr) return "";
  const MemberReader* members = &record.members();
  if (column_->from == ColumnSource::kProperty) {
    if (record.payloads().empty()) return "";
    members = members->field(record.payloads().front()).members;
    if (members == nullptr) return "";
  }
  const std::vector<std::string>& names = members->shape().names;
  if (shape_ != members->shape().id) {
    shape_ = members->shape().id;
    field_ = FieldOf(names, column_->key);
    other_field_ = FieldOf(names, column_->other_key);
  }
  for (const size_t field : {field_, other_field_}) {
    if (field >= names.size() || members->field(field).value.is_null()) continue;
    return IdText(members->field(field).value, scratch_);
  }
  return "";
}

}  // namespace millrace
