# Writes a C++ source with a function that gives a file's bytes.
#   cmake -DFILE=<file> -DHEADER=<its declaration> -DNAMESPACE=<namespace> -DFUNCTION=<name> -DOUTPUT=<file.cc> -P EmbedFile.cmake
file(READ ${FILE} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${hex}")
string(REGEX REPLACE "(........................................................................)" "\\1\"\n    \"" escaped "${escaped}")
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace ${NAMESPACE} {

absl::string_view ${FUNCTION}() {
  static constexpr char kBytes[] =
    \"${escaped}\";
  return {kBytes, ${size}};
}

}  // namespace ${NAMESPACE}
")
