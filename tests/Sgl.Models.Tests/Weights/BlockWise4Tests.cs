using CsCheck;

namespace Sgl.Models.Tests.Weights;

public class BlockWise4Tests
{
    private static readonly Gen<(float[] Values, int Inputs, int Block)> Matrices =
        from block in Gen.OneOf(Gen.Const(32), Gen.Const(64))
        from blocks in Gen.Int[1, 5]
        from rows in Gen.Int[1, 4]
        from spread in Gen.OneOf(Gen.Const(1e-6f), Gen.Const(1f), Gen.Const(1e4f))
        from values in Gen.Float[-1, 1].Array[rows * blocks * block]
        select (Array.ConvertAll(values, v => v * spread), blocks * block, block);

    [Fact]
    public void Quantize_AnyMatrix_LosesWhatItSaysAndNoMoreThanCodesOverTheWholeRange() => Matrices.Sample(m =>
    {
        var (meaning, lost, whole) = Quantize(m.Values, m.Inputs, m.Block);
        double expectedLost = 0, expectedWhole = 0, plainLost = 0;
        for (var at = 0; at < m.Values.Length; at += m.Block)
        {
            var block = m.Values.AsSpan(at, m.Block).ToArray();
            float low = Math.Min(0, block.Min()), step = (Math.Max(0, block.Max()) - low) / 15;
            for (var i = 0; i < m.Block; i++)
            {
                expectedLost += Math.Pow((double)block[i] - meaning[at + i], 2);
                expectedWhole += (double)block[i] * block[i];
                // Half a step for the code, half a step for the zero point where a block has one sign only.
                plainLost += (double)step * step;
            }
        }

        Assert.Equal(expectedWhole, whole, expectedWhole * 1e-4);
        Assert.Equal(expectedLost, lost, expectedWhole * 1e-4);
        Assert.InRange(lost, 0, plainLost);
    });

    [Fact]
    public void Quantize_NumbersOfA4BitGrid_AreKept()
    {
        var random = new Random(3);
        var values = new float[2 * 3 * 32];
        for (var block = 0; block < 6; block++)
        {
            int zero = random.Next(4, 12), first = block * 32;
            var scale = MathF.Pow(10, block - 3);
            // Both ends of the codes are there, so the range tells the scale.
            (values[first], values[first + 1]) = ((0 - zero) * scale, (15 - zero) * scale);
            for (var i = 2; i < 32; i++)
            {
                values[first + i] = (random.Next(16) - zero) * scale;
            }
        }

        var (meaning, lost, whole) = Quantize(values, 96, 32);
        Assert.All(values.Zip(meaning), v => Assert.Equal(v.First, v.Second, Math.Abs(v.First) * 1e-5));
        Assert.InRange(lost, 0, whole * 1e-6);
    }

    [Fact]
    public void Quantize_NormallyDistributedValues_LoseLessThanWithoutChoosingTheRange()
    {
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, 64 * 512).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble())))];
        var (_, lost, whole) = Quantize(values, 512, 64);
        // 9.0 % over the whole range of each block.
        Assert.InRange(Math.Sqrt(lost / whole), 0.08, 0.0885);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1e-38f)]
    public void Quantize_BlocksOfNothing_AreZeros(float value)
    {
        var (meaning, lost, _) = Quantize([.. Enumerable.Repeat(value, 64)], 64, 64);
        Assert.All(meaning, v => Assert.Equal(0, v));
        Assert.InRange(lost, 0, 1e-30);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Quantize_NotNumbers_LoseEverything(float bad)
    {
        var values = new float[64];
        values[33] = bad;
        Assert.Equal(double.PositiveInfinity, Quantize(values, 64, 32).Lost);
    }

    [Theory]
    [InlineData(896, 64)]
    [InlineData(160, 32)]
    [InlineData(100, null)]
    public void BlockSize_OfInputs_DividesThem(int inputs, int? expected) => Assert.Equal(expected, BlockWise4.BlockSize(inputs));

    private static (float[] Meaning, double Lost, double Whole) Quantize(float[] values, int inputs, int block)
    {
        int rows = values.Length / inputs, blocks = inputs / block, zeroBytes = (blocks + 1) / 2;
        byte[] codes = new byte[values.Length / 2], zeros = new byte[rows * zeroBytes];
        var scales = new float[rows * blocks];
        var (lost, whole) = BlockWise4.Quantize(values, inputs, block, codes, scales, zeros);
        var meaning = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            int row = i / inputs, at = i % inputs / block;
            var code = (codes[i / 2] >> (4 * (i % 2))) & 15;
            var zero = (zeros[(row * zeroBytes) + (at / 2)] >> (4 * (at % 2))) & 15;
            meaning[i] = (code - zero) * scales[(row * blocks) + at];
        }

        return (meaning, lost, whole);
    }
}
