// Where the structure of JSON text is: simdjson's first stage, which finds the brackets, commas,
// colons and the begins of strings and scalars, and checks UTF-8 and control characters on the way.
// It picks the machine's best instructions when the program starts, unlike simdjson's on-demand
// parser, which is compiled for one instruction set.
#ifndef MILLRACE_FORMATS_JSON_INDEX_H_
#define MILLRACE_FORMATS_JSON_INDEX_H_

#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace {

// One thread at a time; keeps its memory.
class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();

  // kBrokenString: one is not closed, or holds a control character that is not escaped.
  enum class Result { kOk, kNotUtf8, kBrokenString };

  // Indexes `text`, which is not blank and below 4 GiB.
  Result Index(std::string_view text);

  // After kOk: the offsets in the text, ascending, followed by two that equal its size.
  const uint32_t* positions() const { return positions_; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  const uint32_t* positions_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_INDEX_H_
