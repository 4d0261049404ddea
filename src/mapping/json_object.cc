#include "mapping/json_object.h"

#include <utility>

#include "formats/json_decoder.h"
#include "formats/text_rows.h"

namespace millrace {
namespace {

class OneRow : public RowVisitor {
 public:
  explicit OneRow(Row& row) : row_(row) {}
  void OnRow(const Row& row) override {
    row_.shape = row.shape;
    row_.values = row.values;
  }
  void OnBadRow(uint64_t /*number*/, const absl::Status& why, std::string_view /*raw*/) override {
    status_ = why;
  }
  const absl::Status& status() const { return status_; }

 private:
  Row& row_;
  absl::Status status_;
};

}  // namespace

struct JsonObjectParser::Parts {
  TextRows text;
  JsonDecoder decoder;
};

JsonObjectParser::JsonObjectParser() : parts_(std::make_unique<Parts>()) {}
JsonObjectParser::~JsonObjectParser() = default;

absl::Status JsonObjectParser::Parse(std::string_view json, Row& row) {
  TextRows& text = parts_->text;
  text.clear();
  text.text.Append(json);
  text.rows.push_back({0, static_cast<uint32_t>(json.size())});
  OneRow visitor(row);
  parts_->decoder.Decode(text, /*lines=*/true, visitor);
  return visitor.status();
}

void JsonObjectParser::ParseLines(Batch& objects, RowVisitor& visitor) {
  TextRows& text = parts_->text;
  text.clear();
  if (objects.empty()) return;
  std::swap(text.text, objects.bytes);
  for (size_t i = 0; i < objects.rows(); ++i) {
    text.rows.push_back(
        {static_cast<uint32_t>(objects.start(i)), static_cast<uint32_t>(objects.row_ends[i] - 1)});
  }
  parts_->decoder.Decode(text, /*lines=*/true, visitor);
  std::swap(text.text, objects.bytes);
}

std::string_view JsonObjectParser::line(uint64_t number) const { return parts_->text.row(number); }

}  // namespace millrace
