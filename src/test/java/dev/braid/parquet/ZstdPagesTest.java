package dev.braid.parquet;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.junit.jupiter.api.Test;

/** Compressed pages next to parquet-java's own decompressor. */
@SuppressWarnings("deprecation") // parquet-java 1.13 has the older form of a decompressor alone
class ZstdPagesTest {
    private static final String LEVEL = "parquet.compression.codec.zstd.level";
    private static final String WORKERS = "parquet.compression.codec.zstd.workers";

    private final Configuration settings = new Configuration();

    @Test
    void pagesOfEverySizeAreReadByParquetJava() throws IOException {
        CodecFactory codecs = new CodecFactory(settings, 0);
        ZstdPages pages = new ZstdPages(settings);
        for (int size : new int[] {1, 300_000, 0, 7, 1 << 20}) {
            byte[] page = page(size);
            BytesInput two = BytesInput.concat(
                    BytesInput.from(page, 0, size / 2), BytesInput.from(page, size / 2, size - size / 2));
            byte[] compressed = pages.compress(two).toByteArray();
            assertThat(codecs.getDecompressor(CompressionCodecName.ZSTD)
                            .decompress(BytesInput.from(compressed), size)
                            .toByteArray())
                    .isEqualTo(page);
        }
        pages.release();
        codecs.release();
    }

    @Test
    void theLevelIsTheOneThatIsSet() throws IOException {
        byte[] page = page(300_000);
        for (int level : new int[] {1, 9}) {
            settings.setInt(LEVEL, level);
            ZstdPages pages = new ZstdPages(settings);
            assertThat(pages.compress(BytesInput.from(page)).toByteArray()).isEqualTo(Zstd.compress(page, level));
            pages.release();
        }
        assertThat(Zstd.compress(page, 1)).isNotEqualTo(Zstd.compress(page, 9));
    }

    @Test
    void otherCodecsAndThreadsOfZstandardAreLeftToParquetJava() {
        assertThat(ZstdPages.fit(CompressionCodecName.ZSTD, settings)).isTrue();
        assertThat(ZstdPages.fit(CompressionCodecName.SNAPPY, settings)).isFalse();
        settings.setInt(WORKERS, 2);
        assertThat(ZstdPages.fit(CompressionCodecName.ZSTD, settings)).isFalse();
    }

    /** Bytes some of which repeat. */
    private static byte[] page(int size) {
        byte[] page = new byte[size];
        new Random(1).nextBytes(page);
        Arrays.fill(page, 0, size / 3, (byte) 5);
        return page;
    }
}
