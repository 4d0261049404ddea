#include "formats/parquet_cells.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_text.h"
#include "formats/row_reader.h"
#include "formats/utf8_validation.h"
#include "simdjson.h"

namespace millrace {
namespace {

constexpr int64_t kJulianDayOf1970 = 2440588;
constexpr int64_t kMaxInt96Days = 100'000'000;  // in microseconds these fit 64 bits

template <typename T>
T Load(const char* values, size_t index) {
  T value;
  std::memcpy(&value, values + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
T Load(const LeafCursor& cursor, size_t index) {
  return Load<T>(cursor.column->values.data(), index);
}

int64_t LoadInteger(const LeafCursor& cursor, size_t index) {
  return cursor.leaf->storage == LeafStorage::kInt32 ? Load<int32_t>(cursor, index)
                                                     : Load<int64_t>(cursor, index);
}

std::string_view LoadBytes(const LeafCursor& cursor, size_t index) {
  if (cursor.leaf->storage == LeafStorage::kText) return cursor.column->text_at(index);
  const size_t width = cursor.leaf->width;
  return cursor.column->values.view(index * width, (index + 1) * width);
}

// Text produced by `append`, kept in the arena; null, and a problem, if it returns false.
template <typename Append>
Value MadeText(CellContext& context, Value::Kind kind, std::string_view problem, Append append) {
  ByteBuffer& text = context.text();
  text.clear();
  if (!append(text)) {
    context.SetProblem(absl::InvalidArgumentError(ToAbsl(problem)));
    return Value::Null();
  }
  return Value::Text(kind, context.arena().Store(text.view()));
}

Value TextCell(const LeafCursor& cursor, size_t index, CellContext& context) {
  const std::string_view text = cursor.column->text_at(index);
  if (cursor.is_utf8 || IsUtf8(text)) [[likely]]
    return Value::Text(Value::Kind::kText, text);
  context.text().clear();
  const size_t at = AppendRepairedUtf8(context.text(), text);
  context.SetProblem(absl::InvalidArgumentError(StrCat("not UTF-8 at byte ", at, " of the text")));
  return Value::Text(Value::Kind::kText, context.arena().Store(context.text().view()));
}

Value JsonCell(const LeafCursor& cursor, size_t index, CellContext& context) {
  const Value text = TextCell(cursor, index, context);
  if (context.has_problem()) return text;
  context.text().clear();
  if (!context.AppendCompactJson(text.text, context.text())) return text;
  if (context.text().view() == "null") return Value::Null();
  return Value::Text(Value::Kind::kJson, context.arena().Store(context.text().view()));
}

Value DecimalCell(const LeafCursor& cursor, size_t index, CellContext& context) {
  return MadeText(context, Value::Kind::kNumber, "an invalid decimal width", [&](ByteBuffer& out) {
    const int scale = cursor.leaf->scale;
    if (cursor.leaf->storage == LeafStorage::kText || cursor.leaf->storage == LeafStorage::kFixed) {
      return AppendDecimal(out, LoadBytes(cursor, index), scale);
    }
    AppendDecimal(out, LoadInteger(cursor, index), scale);
    return true;
  });
}

Value Int96Cell(const LeafCursor& cursor, size_t index, CellContext& context) {
  const std::string_view bytes = cursor.column->values.view(index * 12, index * 12 + 12);
  int64_t nanos;
  uint32_t julian_day;
  std::memcpy(&nanos, bytes.data(), sizeof nanos);
  std::memcpy(&julian_day, bytes.data() + sizeof nanos, sizeof julian_day);
  const int64_t days = int64_t{julian_day} - kJulianDayOf1970;
  if (days > kMaxInt96Days) {
    context.SetProblem(absl::InvalidArgumentError("an INT96 timestamp out of range"));
    return Value::Null();
  }
  const int64_t micros = nanos / 1000 - (nanos % 1000 < 0 ? 1 : 0);
  return Value::Timestamp(days * 86'400'000'000 + micros, Value::Unit::kMicro, false);
}

Value UnsignedCell(const LeafCursor& cursor, size_t index) {
  return cursor.leaf->storage == LeafStorage::kInt32 ? Value::Int(Load<uint32_t>(cursor, index))
                                                     : Value::Uint(Load<uint64_t>(cursor, index));
}

Value RareCell(const LeafCursor& cursor, size_t index, CellContext& context) {
  constexpr auto kText = Value::Kind::kText;
  switch (cursor.leaf->rule) {
    case LeafRule::kUnsigned:
      return UnsignedCell(cursor, index);
    case LeafRule::kHalf:
      return Value::Float(HalfToFloat(Load<uint16_t>(cursor, index)));
    case LeafRule::kDecimal:
      return DecimalCell(cursor, index, context);
    case LeafRule::kJson:
      return JsonCell(cursor, index, context);
    case LeafRule::kBytes:
      return Value::Text(Value::Kind::kBytes, LoadBytes(cursor, index));
    case LeafRule::kInt96:
      return Int96Cell(cursor, index, context);
    case LeafRule::kUuid:
      return MadeText(context, kText, "", [&](ByteBuffer& out) {
        AppendUuid(out, LoadBytes(cursor, index));
        return true;
      });
    case LeafRule::kDate:
      return MadeText(context, kText, "", [&](ByteBuffer& out) {
        AppendDate(out, Load<int32_t>(cursor, index));
        return true;
      });
    case LeafRule::kTime:
      return MadeText(context, kText, "a time of day that is not within a day",
                      [&](ByteBuffer& out) {
                        return AppendTimeOfDay(out, LoadInteger(cursor, index), cursor.leaf->unit);
                      });
    case LeafRule::kInterval:
      return MadeText(context, kText, "", [&](ByteBuffer& out) {
        AppendInterval(out, LoadBytes(cursor, index));
        return true;
      });
    default:
      return Value::Null();
  }
}

using MayFail = std::true_type;
using CannotFail = std::false_type;

// Calls use(decode, may_fail) with the decoder of the cursor's leaf, size_t -> Value. Frequent
// rules have dedicated decoders, without calls and reloads, for tight loops.
template <typename Use>
auto WithDecoder(const LeafCursor& cursor, CellContext& context, Use use) {
  const ParquetLeaf& leaf = *cursor.leaf;
  const char* const values = cursor.column->values.data();
  switch (leaf.rule) {
    case LeafRule::kBool:
      return use([=](size_t i) { return Value::Bool(values[i] != 0); }, CannotFail());
    case LeafRule::kInt:
      if (leaf.storage == LeafStorage::kInt32) {
        return use([=](size_t i) { return Value::Int(Load<int32_t>(values, i)); }, CannotFail());
      }
      return use([=](size_t i) { return Value::Int(Load<int64_t>(values, i)); }, CannotFail());
    case LeafRule::kFloat:
      return use([=](size_t i) { return Value::Float(Load<float>(values, i)); }, CannotFail());
    case LeafRule::kDouble:
      return use([=](size_t i) { return Value::Double(Load<double>(values, i)); }, CannotFail());
    case LeafRule::kTimestamp:
      return use([=, unit = leaf.unit, zoned = leaf.zoned](
                     size_t i) { return Value::Timestamp(Load<int64_t>(values, i), unit, zoned); },
                 CannotFail());
    case LeafRule::kText:
      if (!cursor.is_utf8) {
        return use([&](size_t i) { return TextCell(cursor, i, context); }, MayFail());
      }
      if (const TextDictionary* dictionary = cursor.column->dictionary.get()) {
        return use(
            [=, entries = dictionary->entries.data()](size_t i) {
              return Value::Text(Value::Kind::kText, entries[Load<uint32_t>(values, i)]);
            },
            CannotFail());
      }
      return use(
          [text = cursor.column->text.data(), ends = cursor.column->ends.data()](size_t i) {
            const size_t begin = i == 0 ? 0 : ends[i - 1] + kTextGap;
            return Value::Text(Value::Kind::kText, {text + begin, ends[i] - begin});
          },
          CannotFail());
    default:
      return use([&](size_t i) { return RareCell(cursor, i, context); }, MayFail());
  }
}

}  // namespace

std::string_view TextArena::Store(std::string_view text) {
  if (text.size() > kBlock / 4) {
    // A separate block, before the one that is being filled.
    auto block = std::make_unique_for_overwrite<char[]>(text.size());
    std::memcpy(block.get(), text.data(), text.size());
    const std::string_view stored(block.get(), text.size());
    blocks_.insert(blocks_.empty() ? blocks_.end() : blocks_.end() - 1, std::move(block));
    if (blocks_.size() == 1) used_ = kBlock;
    return stored;
  }
  if (kBlock - used_ < text.size()) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
    used_ = 0;
  }
  char* const to = blocks_.back().get() + used_;
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  used_ += text.size();
  return {to, text.size()};
}

void TextArena::Clear() {
  if (used_ == kBlock) {
    blocks_.clear();
  } else if (blocks_.size() > 1) {
    blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  }
  if (!blocks_.empty()) used_ = 0;
}

struct CellContext::Parser {
  simdjson::dom::parser parser;
};

CellContext::CellContext() = default;
CellContext::~CellContext() = default;

bool CellContext::AppendCompactJson(std::string_view json, ByteBuffer& out) {
  if (json.empty()) return false;
  if (parser_ == nullptr) parser_ = std::make_unique<Parser>();
  simdjson::dom::parser& parser = parser_->parser;
  if (parser.capacity() < json.size() && parser.allocate(std::max<size_t>(json.size() * 2, 4096),
                                                         kMaxJsonDepth) != simdjson::SUCCESS) {
    return false;
  }
  if (parser.parse(json.data(), json.size(), false).error() != simdjson::SUCCESS) return false;
  size_t size = 0;
  if (simdjson::minify(json.data(), json.size(), out.Reserve(json.size()), size) !=
      simdjson::SUCCESS) {
    return false;
  }
  out.Commit(size);
  return true;
}

LeafCursor::LeafCursor(const ParquetLeaf& leaf, const LeafColumn& column)
    : leaf(&leaf), column(&column) {
  const bool is_text = leaf.rule == LeafRule::kText || leaf.rule == LeafRule::kJson;
  // If the texts together with the ASCII between them are UTF-8, each text is.
  is_utf8 = !is_text || (column.dictionary != nullptr ? column.dictionary->is_utf8
                                                      : IsUtf8(column.text.view()));
}

Value CellAt(const LeafCursor& cursor, size_t value, CellContext& context) {
  return WithDecoder(cursor, context, [&](auto decode, auto) { return decode(value); });
}

void FillCells(LeafCursor& cursor, size_t rows, Value* to, size_t stride, CellContext& context,
               CellProblems& problems) {
  const int16_t max_definition = cursor.leaf->max_definition;
  const int16_t* const definitions =
      max_definition == 0 ? nullptr : cursor.column->definitions.data() + cursor.entry;
  size_t value = cursor.value;
  WithDecoder(cursor, context, [&](auto decode, auto may_fail) {
    for (size_t row = 0; row < rows; ++row) {
      Value& cell = to[row * stride];
      if (definitions != nullptr && definitions[row] != max_definition) {
        cell = Value::Null();
        continue;
      }
      cell = decode(value++);
      if constexpr (may_fail) {
        if (context.has_problem()) problems.OnProblem(row, context.TakeProblem());
      }
    }
  });
  cursor.value = value;
  cursor.entry += rows;
}

}  // namespace millrace
