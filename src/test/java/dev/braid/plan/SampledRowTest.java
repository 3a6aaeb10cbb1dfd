package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.decode.Reason;
import dev.braid.task.SerializationTest;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.junit.jupiter.api.Test;

class SampledRowTest {

    @Test
    void aRowIsTheSameAfterItsText() {
        for (Reason reason : Reason.values()) {
            SampledRow rejected = new SampledRow(0, 0, reason, "Cannot decode row 'a b':\n 1 2 3 ");
            assertThat(SampledRow.parse(rejected.text())).isEqualTo(rejected);
        }
        SampledRow fits = new SampledRow(3, 4, null, null);
        assertThat(SampledRow.parse(fits.text())).isEqualTo(fits);
    }

    /** Tasks return arrays of objects. */
    @Test
    void aResultNeedsNoRegistrationWithKryo() {
        Object[] result = {new SampledRow(3, 4, null, null).text()};
        Object[] back = SerializationTest.roundTrip(
                new KryoSerializer(new SparkConf().set("spark.kryo.registrationRequired", "true")), result);
        assertThat(back).isEqualTo(result);
    }
}
