package dev.braid.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResolvedPathTest {
    private final Configuration hadoop = AliasFileSystem.hadoop();

    @TempDir
    private Path directory;

    @BeforeEach
    void makeLinks() throws IOException {
        directory = directory.toRealPath();
        Files.createDirectories(directory.resolve("pairs/day"));
        link("latest", "pairs");
        link("absolute", directory.resolve("pairs").toString());
        link("twice", "latest");
        link("pairs/up", "..");
        link("dangling", "pairs/day/missing/deeper");
    }

    @ParameterizedTest
    @CsvSource({
        "latest,              pairs",
        "latest/,             pairs",
        "./latest/day/../day, pairs/day",
        "absolute,            pairs",
        "twice/day,           pairs/day",
        "pairs/up/latest/day, pairs/day",
        "pairs/up/new/out,    new/out",
        "latest/new/out,      pairs/new/out",
        "dangling,            pairs/day/missing/deeper",
        "dangling/out,        pairs/day/missing/deeper/out",
        "a b%20[x]é:c,        a b%20[x]é:c",
    })
    void linksAreFollowedWhereverTheyStand(String path, String real) throws IOException {
        assertThat(place(directory + "/" + path).path().toUri().getPath()).isEqualTo(directory + "/" + real);
    }

    @Test
    void aCircleOfLinksIsAnError() throws IOException {
        link("egg", "hen");
        link("hen", "egg");
        assertThatThrownBy(() -> place(directory + "/egg")).hasMessageContaining("circle of links");
    }

    @ParameterizedTest
    @CsvSource({
        "twin://nn, twin://nn:8020, true",
        "twin://nn, mount://nn, false",
        "mount://a, file://, true",
        "mount://a, mount://b, true",
        "s3://bucket, s3a://bucket, true",
        "s3n://KEY:SECRET@bucket, s3a://BUCKET, true",
        "s3a://one, s3a://two, false",
        "other://one, s3a://one, false",
    })
    void namesOfOneFileSystemAreToldToBeOne(String one, String other, boolean same) throws IOException {
        ResolvedPath above = place(one + directory + "/pairs");
        ResolvedPath below = place(other + directory + "/pairs/day/new");

        assertThat(above.holds(below)).isEqualTo(same);
        assertThat(below.holds(above)).isFalse();
        assertThat(above.holds(place(other + directory + "/pairs"))).isEqualTo(same);
    }

    @Test
    void aMountThatLeadsToALinkIsFollowed() throws IOException {
        assertThat(place("mount://a" + directory + "/latest/new").path())
                .hasToString("file:" + directory + "/pairs/new");
    }

    @Test
    void theNameServiceAndItsNamenodeAreOne() throws IOException {
        hadoop.set("dfs.namenode.rpc-address.cluster.nn1", "host1:8020");
        AliasFileSystem.register("hdfs", hadoop);
        assertThat(place("hdfs://cluster/x").holds(place("hdfs://host1/x/y"))).isTrue();
        assertThat(place("hdfs://cluster/x").holds(place("hdfs://host2/x/y"))).isFalse();
    }

    @Test
    void aNameThatBeginsLikeAnotherIsNotInIt() throws IOException {
        assertThat(place(directory + "/pairs").holds(place(directory + "/pairs2")))
                .isFalse();
    }

    private ResolvedPath place(String path) throws IOException {
        return ResolvedPath.of(TablePath.parse(path, hadoop), hadoop);
    }

    private void link(String name, String target) throws IOException {
        Files.createSymbolicLink(directory.resolve(name), Path.of(target));
    }
}
