using CsCheck;

namespace Sgl.Models.Tests.Weights;

public class BlockWise8Tests
{
    private static readonly Gen<(float[] Values, int Inputs, int Block, ComputeType Scales)> Matrices =
        from block in Gen.OneOf(Gen.Const(32), Gen.Const(64), Gen.Const(128))
        from blocks in Gen.Int[1, 5]
        from rows in Gen.Int[1, 4]
        from spread in Gen.OneOf(Gen.Const(1e-2f), Gen.Const(1f), Gen.Const(1e3f))
        from scales in Gen.OneOf(Gen.Const(ComputeType.Float32), Gen.Const(ComputeType.Float16), Gen.Const(ComputeType.BFloat16))
        from values in Gen.Float[-1, 1].Array[rows * blocks * block]
        select (Array.ConvertAll(values, v => v * spread), blocks * block, block, scales);

    [Fact]
    public void Quantize_AnyMatrix_LosesWhatItSaysAndNoMoreThanABlockBounds() => Matrices.Sample(m =>
    {
        var (meaning, scales, lost, whole) = Quantize(m.Values, m.Inputs, m.Block, m.Scales);
        double expectedLost = 0, expectedWhole = 0;
        for (var at = 0; at < m.Values.Length; at += m.Block)
        {
            double blockLost = 0, blockWhole = 0;
            for (var i = at; i < at + m.Block; i++)
            {
                blockLost += Math.Pow((double)m.Values[i] - meaning[i], 2);
                blockWhole += (double)m.Values[i] * m.Values[i];
            }

            // The largest value is met as nearly as its scale is stored, all others to half a step.
            Assert.InRange(Math.Sqrt(blockLost), 0, ((Math.Sqrt(m.Block) / 254) + (1.0 / 256)) * Math.Sqrt(blockWhole) * 1.001);
            (expectedLost, expectedWhole) = (expectedLost + blockLost, expectedWhole + blockWhole);
        }

        Assert.Equal(expectedWhole, whole, expectedWhole * 1e-4);
        Assert.Equal(expectedLost, lost, (expectedLost * 1e-2) + (expectedWhole * 1e-9));
        Assert.All(scales, s => Assert.Equal(Stored(s, m.Scales), s));
    });

    [Fact]
    public void Quantize_NumbersOfAnInt8Grid_AreKept()
    {
        var random = new Random(3);
        var values = new float[2 * 128];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (i % 64 == 0 ? 127 : random.Next(-127, 128)) * 0.03125f;
        }

        var (meaning, _, lost, _) = Quantize(values, 128, 64, ComputeType.BFloat16);
        Assert.Equal(values, meaning);
        Assert.Equal(0, lost);
    }

    [Fact]
    public void Quantize_NormallyDistributedValues_LoseAsMuchAsIsSaid()
    {
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, 64 * 512).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble())))];
        var (_, _, lost, whole) = Quantize(values, 512, 64, ComputeType.Float32);
        Assert.InRange(Math.Sqrt(lost / whole), 0.005, 0.006);
    }

    [Theory]
    [InlineData(0f, ComputeType.Float32)]
    [InlineData(1e-38f, ComputeType.Float32)]
    [InlineData(1e-9f, ComputeType.Float16)]
    public void Quantize_BlocksOfNothing_AreZeros(float value, ComputeType scales)
    {
        var (meaning, _, lost, _) = Quantize([.. Enumerable.Repeat(value, 64)], 64, 64, scales);
        Assert.All(meaning, v => Assert.InRange(v, 0, value));
        Assert.InRange(lost, 0, 64 * value * value * 1.01);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Quantize_NotNumbers_LoseEverything(float bad)
    {
        var values = new float[64];
        values[33] = bad;
        Assert.Equal(double.PositiveInfinity, Quantize(values, 64, 32, ComputeType.BFloat16).Lost);
    }

    private static float Stored(float scale, ComputeType type) => type switch
    {
        ComputeType.Float16 => (float)(Half)scale,
        ComputeType.BFloat16 => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(scale) & 0xFFFF0000),
        _ => scale,
    };

    private static (float[] Meaning, float[] Scales, double Lost, double Whole) Quantize(float[] values, int inputs, int block, ComputeType type)
    {
        var codes = new byte[values.Length];
        var scales = new float[values.Length / block];
        var (lost, whole) = BlockWise8.Quantize(values, inputs, block, type, codes, scales);
        Assert.True(double.IsInfinity(lost) || !codes.Contains((byte)0));
        return ([.. codes.Select((c, i) => (c - BlockWise8.Zero) * scales[i / block])], scales, lost, whole);
    }
}
