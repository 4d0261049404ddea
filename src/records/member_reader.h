// The members of one JSON object, along the structure that JsonIndex found.
#ifndef MILLRACE_RECORDS_MEMBER_READER_H_
#define MILLRACE_RECORDS_MEMBER_READER_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "formats/json_scanner.h"
#include "formats/row.h"
#include "formats/shape_cache.h"
#include "formats/value.h"

namespace millrace {

class MemberReader;

struct JsonField {
  Value value;
  // The members of the value, if it is an object that was opened.
  const MemberReader* members = nullptr;
};

// Keeps its buffers and the key sequences that it has seen. One thread at a time.
class MemberReader {
 public:
  // The reader for the members of the object that is the value of the key `name`; null: the object
  // is taken as one value.
  using Opener = absl::FunctionRef<MemberReader*(std::string_view name)>;

  // Takes the object at `at`, which is `depth` levels below the top, and returns the place after
  // it, or null if it is not one (scanner.fault()). If a key is repeated, the last value counts.
  JsonScanner::Place Take(JsonScanner& scanner, JsonScanner::Place at, int depth, Opener open);

  // The keys, each once, unescaped; valid until the next call of Take().
  const RowShape& shape() const { return predicted_->shape; }
  const JsonField& field(size_t i) const { return fields_[i]; }

 private:
  JsonScanner::Place TakeMember(JsonScanner& scanner, JsonScanner::Place at, int depth,
                                const Opener& open);
  JsonScanner::Place TakeOtherKey(JsonScanner& scanner, JsonScanner::Place at,
                                  std::string_view* key);
  void KeepKeys();
  void FindShape();

  ShapeCache shapes_;
  std::vector<JsonField> fields_;
  size_t count_ = 0;  // of the fields in use
  // The last sequence. `keys_` is not kept while each key equals its key.
  const KeySequence* predicted_ = nullptr;
  bool as_predicted_ = false;
  std::vector<std::string_view> keys_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_MEMBER_READER_H_
