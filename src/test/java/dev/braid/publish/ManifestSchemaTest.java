package dev.braid.publish;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import dev.braid.decode.Reason;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code src/docs/manifest.schema.json} next to the records that it describes. */
class ManifestSchemaTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SHA256 = "0123456789abcdef".repeat(4);
    private static final String RUN = "5a0f9c3e-52f4-4d6c-9c8e-1f0f0a2b3c4d";
    private static final String MOMENT = "2026-01-02T03:04:05.006Z";

    /** What a record lacks where there is nothing to say. */
    private static final Set<String> OPTIONAL = Set.of(
            "unreferenced",
            "etag",
            "snapshot",
            "lengths",
            "file",
            "quarantine",
            "update",
            "changedBy",
            "earlier",
            "outputTables");

    private JsonNode text;
    private JsonSchema schema;

    @BeforeEach
    void read() throws IOException {
        text = JSON.readTree(Files.readString(Path.of("src/docs/manifest.schema.json")));
        schema = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(text);
    }

    @Test
    void everyComponentOfARecordIsAPropertyAndNothingElseIs() {
        Map<Class<?>, JsonNode> described = Map.of(
                Manifest.class, text,
                Manifest.Model.class, text.at("/$defs/model"),
                Manifest.Audit.class, text.at("/$defs/audit"),
                Lengths.class, text.at("/$defs/lengths"),
                Manifest.Update.class, text.at("/$defs/update"),
                Manifest.Run.class, text.at("/$defs/run"),
                InputFile.class, text.at("/$defs/inputFile"),
                Shard.class, text.at("/$defs/shard"),
                Manifest.Committed.class, text.at("/$defs/committed"));
        described.forEach((record, node) -> {
            List<String> components = Arrays.stream(record.getRecordComponents())
                    .map(RecordComponent::getName)
                    .toList();
            Set<String> required = new TreeSet<>(components);
            required.removeAll(OPTIONAL);
            if (record == Manifest.Committed.class) {
                required.add("snapshot"); // which only an input may lack
            }
            assertThat(node.path("properties").fieldNames())
                    .toIterable()
                    .as(record.getSimpleName())
                    .containsExactlyElementsOf(components);
            assertThat(node.path("required"))
                    .extracting(JsonNode::asText)
                    .containsExactlyInAnyOrderElementsOf(required);
            assertThat(node.path("additionalProperties").asBoolean(true)).isFalse();
        });
    }

    @Test
    void manifestsWithAndWithoutWhatIsOptionalAreValid() throws IOException {
        assertThat(problems(manifest("etag", "part-0", "part-0"))).isEmpty();
        JsonNode bare = manifest(null, null, null);
        assertThat(bare.toString())
                .doesNotContain(":null")
                .doesNotContain("etag")
                .doesNotContain("snapshot");
        assertThat(problems(bare)).isEmpty();
    }

    @Test
    void aManifestThatLacksAnyPartOrHasAnotherIsNot() throws IOException {
        for (String place : List.of(
                "",
                "/model",
                "/inputs/0",
                "/files/0",
                "/versions",
                "/update",
                "/earlier/0",
                "/audit",
                "/lengths",
                "/outputTables/0")) {
            List<String> names = new ArrayList<>();
            manifest("e", "f", "q").at(place).fieldNames().forEachRemaining(names::add);
            assertThat(names).isNotEmpty();
            for (String name : names) {
                JsonNode less = manifest("e", "f", "q");
                ((ObjectNode) less.at(place)).remove(name);
                assertThat(problems(less).isEmpty())
                        .as(place + "/" + name)
                        .isEqualTo(OPTIONAL.contains(name) && !(place + "/" + name).equals("/outputTables/0/snapshot"));
                JsonNode wrong = manifest("e", "f", "q");
                ((ObjectNode) wrong.at(place)).putObject(name).put("x", -1);
                assertThat(problems(wrong)).as(place + "/" + name).isNotEmpty();
            }
            JsonNode more = manifest("e", "f", "q");
            ((ObjectNode) more.at(place)).put("other", 1);
            assertThat(problems(more)).as(place).isNotEmpty();
        }
    }

    private Set<ValidationMessage> problems(JsonNode manifest) {
        return schema.validate(manifest);
    }

    /** As it is written. */
    private static JsonNode manifest(String etag, String file, String quarantine) throws IOException {
        Map<String, Long> reasons = Map.of(Reason.NULL_SEQUENCE.reasonName(), 1L);
        List<InputFile> inputs = List.of(new InputFile("t", "file:/t/a", 5, MOMENT, etag, etag, 2));
        return JSON.readTree(Json.text(new Manifest(
                Manifest.FORMAT,
                RUN,
                SHA256,
                Map.of("braid", "1", "spark", "4.2.0", "java", "17"),
                MOMENT,
                MOMENT,
                inputs,
                new Manifest.Model("m", SHA256),
                Map.of("key", "id"),
                "skipped",
                2,
                3,
                0,
                new Lengths(1, 2),
                reasons,
                file == null ? null : Map.of("visual", 3L),
                "00000000000000ff",
                1.5,
                List.of(new Shard(
                        "p", List.of(0, 2), file, 2, 3, 0, new Lengths(1, 2), "00000000000000ff", quarantine, reasons)),
                new Manifest.Audit(1, 2, 3),
                quarantine == null ? null : new Manifest.Update(file, 1, 1, 0, 5, quarantine),
                file == null ? null : List.of(new Manifest.Run(RUN, SHA256, MOMENT, MOMENT, inputs, "skipped")),
                file == null ? null : List.of(new Manifest.Committed("db.t", "file:/t", "append", "7")))));
    }

    /** The schema says what the reasons are called, and no reason is called otherwise. */
    @Test
    void everyReasonHasANameThatTheSchemaAllows() {
        String pattern = text.at("/$defs/byReason/propertyNames/pattern").asText();
        assertThat(Stream.of(Reason.values()).map(Reason::reasonName)).allMatch(name -> name.matches(pattern));
    }
}
