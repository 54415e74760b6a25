#include "perdure/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "perdure/protobuf.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure {
namespace codec_test {

using namespace std::chrono_literals;

enum class Color { red, green, blue = 7 };
enum Old { kOldOne = 1 };
struct Line {
  std::string sku;
  int count = 1;
  std::optional<double> price;
};
struct Order {
  std::string id;
  std::vector<Line> lines;
  std::map<std::string, Color> colors;
  Old old = kOldOne;
  std::chrono::milliseconds limit = 1500ms;
  bool is_open = true;
  bool operator==(const Order&) const { return true; }
};
struct Tree {
  int value = 0;
  std::vector<Tree> kids;
  std::shared_ptr<Tree> next;
};
struct Card {
  std::string number;
};
struct Transfer {
  std::string iban;
};
using Payment = std::variant<std::monostate, Card, Transfer, int, std::string>;

class Money {
 public:
  explicit Money(int cents = 0) : cents_(cents) {}
  int cents() const { return cents_; }

 private:
  int cents_;
};

template <class T>
std::string Text(const T& value) {
  return encode(value).data;
}
template <class T>
T Parsed(const std::string& text) {
  return decode<T>(Payload{"json/plain", text});
}
template <class T>
std::string Problem(const std::string& text) {
  try {
    static_cast<void>(Parsed<T>(text));
    return "none";
  } catch (const DecodeError& error) {
    return error.what();
  }
}

}  // namespace codec_test

template <>
struct json_format<codec_test::Money> {
  static void write(json::Writer& to, const codec_test::Money& money) {
    json::write(to, money.cents());
  }
  static void read(const json::Reader& from, codec_test::Money& money) {
    money = codec_test::Money(static_cast<int>(from.integer()));
  }
};

namespace codec_test {

TEST(Codec, PlainStructsAreObjectsWithTheirFieldsNames) {
  const Order order{"o-1", {{"a", 2, 1.5}, {"b", 1, {}}}, {{"x", Color::blue}}};
  const std::string text =
      R"({"id":"o-1","lines":[{"sku":"a","count":2,"price":1.5},{"sku":"b","count":1,"price":null}],)"
      R"("colors":{"x":"blue"},"old":1,"limit":"1.5s","is_open":true})";
  EXPECT_EQ(Text(order), text);
  const Order back = Parsed<Order>(text);
  EXPECT_EQ(back.lines.size(), 2u);
  EXPECT_EQ(back.lines[0].price, 1.5);
  EXPECT_EQ(back.colors.at("x"), Color::blue);
  EXPECT_EQ(back.limit, 1500ms);
}

TEST(Codec, UnknownMembersAreSkippedAndMissingOnesKeepTheirDefault) {
  const Line line = Parsed<Line>(R"({"sku":"a","weight":{"kg":[1,2]}})");
  EXPECT_EQ(line.sku, "a");
  EXPECT_EQ(line.count, 1);
}

TEST(Codec, WrongKindsNameThePath) {
  EXPECT_EQ(Problem<Order>(R"({"lines":[{"sku":"a"},{"sku":5}]})"),
            "cannot convert $.lines[1].sku: a string was expected, not a number");
  EXPECT_EQ(Problem<Order>(R"({"colors":{"x":"mauve"}})"),
            "cannot convert $.colors.x: no enumerator is called \"mauve\"");
  EXPECT_EQ(Problem<Line>(R"({"count":2.5})"), "cannot convert $.count: an integer was expected");
  EXPECT_EQ(Problem<std::int8_t>("200"), "cannot convert $: the number does not fit");
  EXPECT_EQ(Problem<std::uint32_t>("-1"), "cannot convert $: the number must not be negative");
  EXPECT_NE(Problem<int>(""), "none");
  EXPECT_NE(Problem<int>("{"), "none");
  EXPECT_NE(Problem<JsonValue>(std::string(300, '[') + std::string(300, ']')), "none")
      << "too deep";
  EXPECT_EQ(Problem<std::vector<int>>("{}").substr(0, 14), "cannot convert");
}

TEST(Codec, NumbersKeepTheirValue) {
  EXPECT_EQ(Parsed<std::int64_t>(Text(std::numeric_limits<std::int64_t>::min())),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Parsed<std::uint64_t>(Text(std::numeric_limits<std::uint64_t>::max())),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(Parsed<double>(Text(0.1)), 0.1);
  EXPECT_EQ(Text(1e300), "1e+300");
  EXPECT_EQ(Parsed<int>("5.0"), 5) << "as languages with one kind of number write it";
  EXPECT_THROW(encode(std::nan("")), DecodeError);
}

TEST(Codec, StringsAreUtf8) {
  const std::string text =
      "quote \" back \\ line \n control \x01 euro \xe2\x82\xac smile \xf0\x9f\x98\x80";
  EXPECT_EQ(Parsed<std::string>(Text(text)), text);
  EXPECT_EQ(Parsed<std::string>(R"("\u20ac\ud83d\ude00")"), "\xe2\x82\xac\xf0\x9f\x98\x80");
  for (const char* broken : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_THROW(encode(std::string(broken)), DecodeError) << broken;
  }
}

TEST(Codec, NullAndBytesHaveEncodingsOfTheirOwn) {
  EXPECT_EQ(encode(std::optional<int>()).encoding, "binary/null");
  EXPECT_EQ(decode<std::optional<int>>(encode(std::optional<int>())), std::nullopt);
  EXPECT_EQ(decode<std::optional<int>>(encode(std::optional<int>(4))), 4);
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}};
  EXPECT_EQ(encode(bytes).encoding, "binary/plain");
  EXPECT_EQ(decode<std::vector<std::byte>>(encode(bytes)), bytes);
  using Nested = std::vector<std::vector<std::byte>>;
  EXPECT_EQ(Text(Nested{bytes, {}}), R"(["AP8=",""])");
  EXPECT_EQ(Parsed<Nested>(R"(["AP8=","AA"])"), (Nested{bytes, {std::byte{0}}}));
}

TEST(Codec, TimesAndDurations) {
  const Timestamp time =
      std::chrono::sys_days(std::chrono::year(2026) / 2 / 3) + 4h + 5min + 6s + 7ms;
  EXPECT_EQ(Text(time), R"("2026-02-03T04:05:06.007Z")");
  EXPECT_EQ(Parsed<Timestamp>(Text(time)), time);
  EXPECT_EQ(Parsed<Timestamp>(R"("2026-02-03T06:05:06.007+02:00")"), time);
  EXPECT_EQ(Text(-1500ms), R"("-1.5s")");
  EXPECT_EQ(Parsed<std::chrono::milliseconds>("2.5"), 2500ms);
  EXPECT_NE(Problem<std::chrono::seconds>(R"("soon")"), "none");
  EXPECT_NE(Problem<Timestamp>(R"("2026-13-01T00:00:00Z")"), "none");
}

TEST(Codec, VariantsByKindAndByName) {
  EXPECT_EQ(Text(Payment(Card{"4"})), R"({"Card":{"number":"4"}})");
  EXPECT_EQ(std::get<Transfer>(Parsed<Payment>(R"({"Transfer":{"iban":"DE"}})")).iban, "DE");
  EXPECT_EQ(std::get<int>(Parsed<Payment>("7")), 7);
  EXPECT_EQ(std::get<std::string>(Parsed<Payment>("\"x\"")), "x");
  EXPECT_EQ(Parsed<Payment>("null").index(), 0u);
  EXPECT_EQ(Problem<Payment>("true"), "cannot convert $: no alternative of the variant holds this");
}

TEST(Codec, RecursionPointersTuplesAndOwnTypes) {
  Tree tree{1, {{2, {}, nullptr}}, std::make_shared<Tree>(Tree{3, {}, nullptr})};
  const std::string text = Text(tree);
  EXPECT_EQ(
      text,
      R"({"value":1,"kids":[{"value":2,"kids":[],"next":null}],"next":{"value":3,"kids":[],"next":null}})");
  EXPECT_EQ(Parsed<Tree>(text).next->value, 3);
  EXPECT_EQ(Text(std::tuple(1, "a", true)), R"([1,"a",true])");
  EXPECT_EQ((Parsed<std::pair<int, std::string>>(R"([1,"a"])").second), "a");
  EXPECT_EQ(Parsed<Money>(Text(Money(12))).cents(), 12);
}

TEST(Codec, OtherEncodingsAreRefused) {
  EXPECT_THROW(decode<int>(Payload{"binary/encrypted", "5"}), DecodeError);
  EXPECT_THROW(decode<int>(Payload{"", "5"}), DecodeError);
}

TEST(Protobuf, MessagesAreJsonWithTheirType) {
  temporal::api::common::v1::WorkflowExecution message;
  message.set_workflow_id("w");
  const Payload payload = encode(message);
  EXPECT_EQ(payload.encoding, "json/protobuf");
  EXPECT_EQ(payload.data, R"({"workflowId":"w"})");
  EXPECT_EQ(payload.metadata.at(0).second, "temporal.api.common.v1.WorkflowExecution");
  using Message = temporal::api::common::v1::WorkflowExecution;
  EXPECT_EQ(decode<Message>(payload).workflow_id(), "w");
  EXPECT_EQ(decode<Message>(encode(as_binary<Message>{message})).workflow_id(), "w");
  EXPECT_THROW(decode<temporal::api::common::v1::WorkflowType>(payload), DecodeError);
}

}  // namespace codec_test
}  // namespace perdure
