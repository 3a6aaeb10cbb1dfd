package dev.braid.job;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Rows of cells as aligned text, two spaces between columns. Under a header, columns of numbers are right-aligned; they may
 * have empty cells.
 */
final class TextTable {
    private static final Pattern NUMBER = Pattern.compile("([0-9][0-9,.]*(e[+-][0-9]+)?)?");

    private final List<List<String>> lines = new ArrayList<>();
    private final boolean headed;

    private TextTable(boolean headed) {
        this.headed = headed;
    }

    /** A table without a header. */
    static TextTable plain() {
        return new TextTable(false);
    }

    static TextTable headed(String... header) {
        return new TextTable(true).add(header);
    }

    TextTable add(String... cells) {
        lines.add(Arrays.asList(cells));
        return this;
    }

    private boolean isNumeric(int column) {
        return headed
                && lines.size() > 1
                && lines.stream()
                        .skip(1)
                        .allMatch(line -> NUMBER.matcher(line.get(column)).matches());
    }

    /** The lines, without trailing spaces. */
    @Override
    public String toString() {
        int columns = lines.isEmpty() ? 0 : lines.get(0).size();
        StringBuilder[] text = new StringBuilder[lines.size()];
        Arrays.setAll(text, line -> new StringBuilder());
        for (int c = 0; c < columns; c++) {
            int column = c;
            int width = lines.stream()
                    .mapToInt(line -> line.get(column).length())
                    .max()
                    .orElse(0);
            boolean right = isNumeric(c);
            for (int line = 0; line < text.length; line++) {
                String cell = lines.get(line).get(c);
                String blanks = " ".repeat(width - cell.length());
                text[line].append(c == 0 ? "" : "  ").append(right ? blanks + cell : cell + blanks);
            }
        }
        List<String> stripped =
                Arrays.stream(text).map(line -> line.toString().stripTrailing()).toList();
        return String.join("\n", stripped);
    }
}
