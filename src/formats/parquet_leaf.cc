#include "formats/parquet_leaf.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/parquet_file.h"
#include "formats/utf8_validation.h"
#include "parquet/column_reader.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/types.h"

namespace millrace {
namespace {

constexpr size_t kRun = 1024;                    // entries decoded at a time
constexpr size_t kMaxRowMemory = 64 << 20;       // of one row, in one leaf
constexpr int64_t kSmallDictionary = 64 * 1024;  // bytes in the file
constexpr size_t kSkipRows = 1024;

absl::Status EndsEarly() { return absl::DataLossError("the column ends before its row group"); }

template <typename T>
void AppendRaw(ByteBuffer& out, const T* values, size_t count) {
  out.Append({reinterpret_cast<const char*>(values), count * sizeof(T)});
}

// A run of decoded entries that are not all consumed yet. Its values may point into the current
// page of the column reader, so the next run is decoded only after this one is consumed.
template <typename DType>
struct Run {
  using T = typename DType::c_type;
  std::vector<int16_t> definitions = std::vector<int16_t>(kRun);
  std::vector<int16_t> repetitions = std::vector<int16_t>(kRun);
  std::unique_ptr<T[]> values = std::make_unique_for_overwrite<T[]>(kRun);
  size_t entries = 0;
  size_t entry = 0;              // the next one
  size_t value = 0;              // the next one
  size_t text_bytes = 0;         // ByteArray: of all values
  bool text_is_in_line = false;  // ByteArray: separated only by kTextGap bytes

  size_t left() const { return entries - entry; }
};

template <typename DType>
class TypedLeafReader : public LeafReader {
 public:
  using T = typename DType::c_type;
  static constexpr bool kIsText = std::is_same_v<DType, parquet::ByteArrayType>;

  TypedLeafReader(std::shared_ptr<parquet::ColumnReader> reader, const ParquetLeaf& leaf)
      : holder_(std::move(reader)),
        reader_(static_cast<parquet::TypedColumnReader<DType>&>(*holder_)),
        leaf_(leaf) {}

  absl::Status Take(size_t rows, size_t bytes, LeafColumn& out) override {
    return leaf_.max_repetition == 0 ? TakeFlat(rows, bytes, out) : TakeRepeated(rows, bytes, out);
  }

  absl::Status Skip(uint64_t rows) override {
    if (leaf_.max_repetition == 0) {
      try {
        const int64_t skipped = reader_.Skip(static_cast<int64_t>(rows));
        return skipped == static_cast<int64_t>(rows) ? absl::OkStatus() : EndsEarly();
      } catch (...) {
        return CaughtParquetError();
      }
    }
    while (rows > 0) {
      LeafColumn dropped;
      RETURN_IF_ERROR(Take(std::min<uint64_t>(rows, kSkipRows), 1 << 20, dropped));
      rows -= dropped.rows;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status TakeFlat(size_t rows, size_t bytes, LeafColumn& out) {
    // Growing in steps would copy the column about twice.
    if (out.rows == 0) {
      out.text.Reserve(std::min(usual_text_, bytes));
      out.values.Reserve(std::min(rows * leaf_.width, bytes));
    }
    while (out.rows < rows && (out.rows == 0 || out.bytes() < bytes)) {
      if (run_.left() == 0) {
        RETURN_IF_ERROR(Refill());
        if (run_.left() == 0) return EndsEarly();
      }
      const size_t room = out.bytes() < bytes ? bytes - out.bytes() : 0;
      AppendEntries(Fitting(std::min(rows - out.rows, run_.left()), room), out);
    }
    usual_text_ = out.text.size();
    return absl::OkStatus();
  }

  // How many of the next `entries` have values of `bytes` bytes together; at least one.
  size_t Fitting(size_t entries, size_t bytes) const {
    if constexpr (kIsText) {
      if (run_.text_bytes <= bytes) return entries;
      size_t used = 0;
      size_t value = run_.value;
      for (size_t i = 0; i < entries; ++i) {
        if (!HasValue(run_.entry + i)) continue;
        used += run_.values[value++].len;
        if (used > bytes) return std::max<size_t>(i, 1);
      }
    }
    return entries;
  }

  absl::Status TakeRepeated(size_t rows, size_t bytes, LeafColumn& out) {
    while (true) {
      if (run_.left() == 0) RETURN_IF_ERROR(Refill());
      const bool at_end = run_.left() == 0;
      if (in_row_ && (at_end || run_.repetitions[run_.entry] == 0)) {
        in_row_ = false;
        ++out.rows;
      }
      if (!in_row_) {
        if (out.rows >= rows || (out.rows > 0 && out.bytes() >= bytes)) return absl::OkStatus();
        if (at_end) return EndsEarly();
        if (run_.repetitions[run_.entry] != 0) {
          return absl::DataLossError("the column begins in the middle of a row");
        }
        in_row_ = true;
        row_begin_bytes_ = out.bytes();
      }
      const size_t row_bytes = out.bytes() - row_begin_bytes_;
      if (row_bytes > kMaxRowMemory) return RowTooLarge();
      // Continue to the end of the row, or of the run.
      const auto begin = run_.repetitions.begin() + static_cast<ptrdiff_t>(run_.entry);
      const auto end = begin + static_cast<ptrdiff_t>(run_.left());
      const auto entries = static_cast<size_t>(std::find(begin + 1, end, 0) - begin);
      AppendEntries(Fitting(entries, kMaxRowMemory - row_bytes), out, false);
    }
  }

  static absl::Status RowTooLarge() {
    return absl::InvalidArgumentError(
        StrCat("the row takes more than ", kMaxRowMemory >> 20, " MB in one column"));
  }

  // Moves `entries` from the run to `out`.
  void AppendEntries(size_t entries, LeafColumn& out, bool each_is_a_row = true) {
    size_t values = entries;
    if (leaf_.max_definition > 0) {
      const int16_t* definitions = run_.definitions.data() + run_.entry;
      values =
          static_cast<size_t>(std::count(definitions, definitions + entries, leaf_.max_definition));
      out.definitions.insert(out.definitions.end(), definitions, definitions + entries);
    }
    if (leaf_.max_repetition > 0) {
      const int16_t* repetitions = run_.repetitions.data() + run_.entry;
      out.repetitions.insert(out.repetitions.end(), repetitions, repetitions + entries);
    }
    AppendValues(run_.values.get() + run_.value, values, out);
    run_.entry += entries;
    run_.value += values;
    if (each_is_a_row) out.rows += entries;
  }

  void AppendValues(const T* values, size_t count, LeafColumn& out) const {
    if constexpr (kIsText) {
      AppendTexts(values, count, out);
    } else if constexpr (std::is_same_v<DType, parquet::FLBAType>) {
      for (size_t i = 0; i < count; ++i) {
        out.values.Append({reinterpret_cast<const char*>(values[i].ptr), leaf_.width});
      }
    } else {
      AppendRaw(out.values, values, count);
    }
  }

  void AppendTexts(const parquet::ByteArray* values, size_t count, LeafColumn& out) const {
    if (count == 0) return;
    const size_t first = out.ends.size();
    out.ends.resize(first + count);
    uint32_t* const ends = out.ends.data() + first;
    size_t begin = out.text.size();
    if (run_.text_is_in_line) {
      const parquet::ByteArray& last = values[count - 1];
      const auto size = static_cast<size_t>(last.ptr + last.len - values[0].ptr);
      char* const text = out.text.Reserve(size + kTextGap) - begin;
      std::memcpy(text + begin, values[0].ptr, size);
      for (size_t i = 0; i < count; ++i) {
        ends[i] = static_cast<uint32_t>(begin + values[i].len);
        std::memset(text + ends[i], 0, kTextGap);
        begin = ends[i] + kTextGap;
      }
      out.text.Commit(size + kTextGap);
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      const size_t size = values[i].len;
      char* const text = out.text.Reserve(size + kTextGap);
      if (size > 0) std::memcpy(text, values[i].ptr, size);
      std::memset(text + size, 0, kTextGap);
      ends[i] = static_cast<uint32_t>(out.text.size() + size);
      out.text.Commit(size + kTextGap);
    }
  }

  bool HasValue(size_t entry) const {
    return leaf_.max_definition == 0 || run_.definitions[entry] == leaf_.max_definition;
  }

  // Decodes the next run; none remains at the end of the column.
  absl::Status Refill() {
    run_.entries = run_.entry = run_.value = 0;
    try {
      while (run_.entries == 0 && reader_.HasNext()) {
        int64_t values = 0;
        run_.entries = static_cast<size_t>(reader_.ReadBatch(
            kRun, run_.definitions.data(), run_.repetitions.data(), run_.values.get(), &values));
        if (CountValues() != static_cast<size_t>(values)) {
          return absl::DataLossError("a page has fewer values than its levels declare");
        }
        if constexpr (kIsText) MeasureTexts(static_cast<size_t>(values));
      }
      return absl::OkStatus();
    } catch (...) {
      run_.entries = 0;
      return CaughtParquetError();
    }
  }

  void MeasureTexts(size_t count) {
    size_t bytes = 0;
    bool in_line = count > 0 && run_.values[0].ptr != nullptr;
    for (size_t i = 0; i < count; ++i) {
      const parquet::ByteArray& text = run_.values[i];
      bytes += text.len;
      in_line &= i + 1 == count || text.ptr + text.len + kTextGap == run_.values[i + 1].ptr;
    }
    run_.text_bytes = bytes;
    run_.text_is_in_line = in_line;
  }

  size_t CountValues() const {
    if (leaf_.max_definition == 0) return run_.entries;
    const auto begin = run_.definitions.begin();
    return static_cast<size_t>(
        std::count(begin, begin + static_cast<ptrdiff_t>(run_.entries), leaf_.max_definition));
  }

  const std::shared_ptr<parquet::ColumnReader> holder_;
  parquet::TypedColumnReader<DType>& reader_;
  const ParquetLeaf& leaf_;
  Run<DType> run_;
  size_t usual_text_ = 0;  // flat leaves: bytes of text taken by the last call
  bool in_row_ = false;    // repeated leaves: the column contains the beginning of a row
  size_t row_begin_bytes_ = 0;
};

// A flat text leaf whose pages all use one small dictionary: only indices are copied.
class DictionaryLeafReader : public LeafReader {
 public:
  DictionaryLeafReader(std::shared_ptr<parquet::ColumnReader> reader, const ParquetLeaf& leaf)
      : holder_(std::move(reader)),
        reader_(static_cast<parquet::ByteArrayReader&>(*holder_)),
        leaf_(leaf) {}

  absl::Status Take(size_t rows, size_t bytes, LeafColumn& out) override {
    try {
      while (out.rows < rows && (out.rows == 0 || out.rows * longest_ < bytes)) {
        if (!reader_.HasNext()) return EndsEarly();
        // The first row loads the dictionary, and so the maximum length of a row.
        const size_t run =
            dictionary_ == nullptr ? 1 : std::clamp<size_t>(bytes / longest_, 1, kRun);
        RETURN_IF_ERROR(TakeRun(std::min(rows - out.rows, run), out));
      }
      return absl::OkStatus();
    } catch (...) {
      return CaughtParquetError();
    }
  }

  absl::Status Skip(uint64_t rows) override {
    LeafColumn dropped;
    while (rows > 0) {
      dropped.rows = 0;
      dropped.values.clear();
      dropped.definitions.clear();
      RETURN_IF_ERROR(Take(std::min<uint64_t>(rows, kSkipRows), SIZE_MAX, dropped));
      rows -= dropped.rows;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status TakeRun(size_t rows, LeafColumn& out) {
    int16_t definitions[kRun];
    int32_t indices[kRun];
    int64_t values = 0;
    const parquet::ByteArray* dictionary = nullptr;
    int32_t size = 0;
    const auto entries = static_cast<size_t>(reader_.ReadBatchWithDictionary(
        static_cast<int64_t>(rows), definitions, nullptr, indices, &values, &dictionary, &size));
    if (dictionary != nullptr && dictionary_ == nullptr) CopyDictionary(dictionary, size);
    const auto count = static_cast<size_t>(values);
    const auto expected = leaf_.max_definition == 0
                              ? entries
                              : static_cast<size_t>(std::count(definitions, definitions + entries,
                                                               leaf_.max_definition));
    if (count != expected) {
      return absl::DataLossError("a page has fewer values than its levels declare");
    }
    const size_t known = dictionary_ == nullptr ? 0 : dictionary_->entries.size();
    if (std::any_of(indices, indices + count,
                    [known](int32_t index) { return static_cast<uint32_t>(index) >= known; })) {
      return absl::DataLossError("a value points past the end of its dictionary");
    }
    if (leaf_.max_definition > 0) {
      out.definitions.insert(out.definitions.end(), definitions, definitions + entries);
    }
    AppendRaw(out.values, indices, count);
    out.dictionary = dictionary_;
    out.rows += entries;
    return absl::OkStatus();
  }

  void CopyDictionary(const parquet::ByteArray* entries, int32_t size) {
    auto copy = std::make_shared<TextDictionary>();
    size_t bytes = 0;
    for (int32_t i = 0; i < size; ++i) bytes += entries[i].len;
    copy->text.Reserve(bytes);
    copy->entries.reserve(static_cast<size_t>(size));
    copy->is_utf8 = true;
    for (int32_t i = 0; i < size; ++i) {
      const size_t begin = copy->text.size();
      copy->text.Append({reinterpret_cast<const char*>(entries[i].ptr), entries[i].len});
      copy->entries.push_back(copy->text.view(begin, copy->text.size()));
      copy->is_utf8 = copy->is_utf8 && IsUtf8(copy->entries.back());
      longest_ = std::max<size_t>(longest_, entries[i].len);
    }
    dictionary_ = std::move(copy);
  }

  const std::shared_ptr<parquet::ColumnReader> holder_;
  parquet::ByteArrayReader& reader_;
  const ParquetLeaf& leaf_;
  std::shared_ptr<const TextDictionary> dictionary_;
  size_t longest_ = 1;  // bytes of its longest entry
};

bool HasSmallDictionary(const parquet::ColumnChunkMetaData& chunk) {
  const int64_t bytes =
      chunk.has_dictionary_page() ? chunk.data_page_offset() - chunk.dictionary_page_offset() : 0;
  return bytes > 0 && bytes <= kSmallDictionary;
}

std::unique_ptr<LeafReader> MakeLeafReader(parquet::RowGroupReader& group,
                                           const ParquetLeaf& leaf) {
  const bool may_have_dictionary = leaf.storage == LeafStorage::kText && leaf.max_repetition == 0 &&
                                   HasSmallDictionary(*group.metadata()->ColumnChunk(leaf.column));
  auto column = may_have_dictionary ? group.ColumnWithExposeEncoding(
                                          leaf.column, parquet::ExposedEncoding::DICTIONARY)
                                    : group.Column(leaf.column);
  switch (leaf.storage) {
    case LeafStorage::kBool:
      return std::make_unique<TypedLeafReader<parquet::BooleanType>>(std::move(column), leaf);
    case LeafStorage::kInt32:
      return std::make_unique<TypedLeafReader<parquet::Int32Type>>(std::move(column), leaf);
    case LeafStorage::kInt64:
      return std::make_unique<TypedLeafReader<parquet::Int64Type>>(std::move(column), leaf);
    case LeafStorage::kInt96:
      return std::make_unique<TypedLeafReader<parquet::Int96Type>>(std::move(column), leaf);
    case LeafStorage::kFloat:
      return std::make_unique<TypedLeafReader<parquet::FloatType>>(std::move(column), leaf);
    case LeafStorage::kDouble:
      return std::make_unique<TypedLeafReader<parquet::DoubleType>>(std::move(column), leaf);
    case LeafStorage::kFixed:
      return std::make_unique<TypedLeafReader<parquet::FLBAType>>(std::move(column), leaf);
    case LeafStorage::kText:
      break;
  }
  if (column->GetExposedEncoding() == parquet::ExposedEncoding::DICTIONARY) {
    return std::make_unique<DictionaryLeafReader>(std::move(column), leaf);
  }
  return std::make_unique<TypedLeafReader<parquet::ByteArrayType>>(std::move(column), leaf);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LeafReader>> OpenLeaf(parquet::RowGroupReader& group,
                                                     const ParquetLeaf& leaf) {
  try {
    return MakeLeafReader(group, leaf);
  } catch (...) {
    return CaughtParquetError();
  }
}

}  // namespace millrace
