#include <utility>

#include "formats/parquet_page_check_internal.h"
#include "parquet/column_page.h"
#include "parquet/column_reader.h"
#include "parquet/exception.h"
#include "parquet/metadata.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

class CheckedPages : public parquet::PageReader {
 public:
  CheckedPages(std::unique_ptr<parquet::PageReader> pages, const parquet::ColumnDescriptor& column)
      : pages_(std::move(pages)),
        has_definitions_(column.max_definition_level() > 0),
        has_repetitions_(column.max_repetition_level() > 0) {}

  std::shared_ptr<parquet::Page> NextPage() override {
    std::shared_ptr<parquet::Page> page = pages_->NextPage();
    if (page == nullptr || page->type() != parquet::PageType::DATA_PAGE) return page;
    const auto& data = static_cast<const parquet::DataPageV1&>(*page);
    constexpr auto kBitPacked = parquet::Encoding::BIT_PACKED;
    // Writers also name the encoding of levels that the column does not have.
    if ((has_definitions_ && data.definition_level_encoding() == kBitPacked) ||
        (has_repetitions_ && data.repetition_level_encoding() == kBitPacked)) {
      throw parquet::ParquetStatusException(arrow::Status::NotImplemented(
          "the page uses BIT_PACKED levels, which are not supported; write the file again with a "
          "current Parquet writer"));
    }
    return page;
  }

  void set_max_page_header_size(uint32_t size) override { pages_->set_max_page_header_size(size); }

 private:
  const std::unique_ptr<parquet::PageReader> pages_;
  const bool has_definitions_;
  const bool has_repetitions_;
};

class CheckedGroup : public parquet::RowGroupReader::Contents {
 public:
  CheckedGroup(std::shared_ptr<parquet::RowGroupReader> group,
               const parquet::ReaderProperties& properties)
      : group_(std::move(group)), properties_(properties) {}

  std::unique_ptr<parquet::PageReader> GetColumnPageReader(int i) override {
    return std::make_unique<CheckedPages>(group_->GetColumnPageReader(i),
                                          *metadata()->schema()->Column(i));
  }
  const parquet::RowGroupMetaData* metadata() const override { return group_->metadata(); }
  const parquet::ReaderProperties* properties() const override { return &properties_; }

 private:
  const std::shared_ptr<parquet::RowGroupReader> group_;
  const parquet::ReaderProperties properties_;
};

}  // namespace

std::unique_ptr<parquet::RowGroupReader> WithPageCheck(
    std::shared_ptr<parquet::RowGroupReader> group, const parquet::ReaderProperties& properties) {
  return std::make_unique<parquet::RowGroupReader>(
      std::make_unique<CheckedGroup>(std::move(group), properties));
}

}  // namespace millrace
