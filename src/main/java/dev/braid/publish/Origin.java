package dev.braid.publish;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What decides the rows of a run. Runs with the same origin write the same rows.
 *
 * @param inputs the files of all tables
 * @param options all options that decide the rows
 */
public record Origin(List<InputFile> inputs, Manifest.Model model, Map<String, String> options) {
    /**
     * A digest of this origin, which a table's manifest records. It includes the files of each table but not the path under
     * which the user named the table, and the model's digest but not its path.
     *
     * @return 64 hexadecimal digits
     */
    public String identity() {
        Map<String, List<InputFile>> tables = new LinkedHashMap<>();
        inputs.forEach(file ->
                tables.computeIfAbsent(file.table(), table -> new ArrayList<>()).add(file.unnamed()));
        List<Object> all = List.of(Manifest.FORMAT, tables.values(), model.sha256(), new TreeMap<>(options));
        return HexFormat.of().formatHex(sha256(Json.text(all)));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
