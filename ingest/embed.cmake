# Writes the bytes of INPUT as the C array NAME, with NAME_length, to OUTPUT.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)"
       "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>\n\nextern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_length;\n\nconst unsigned char ${NAME}[] = {\n${bytes}};\nconst size_t ${NAME}_length = sizeof(${NAME});\n")
