using CsCheck;

namespace Sgl.Models.Tests.Weights;

public class RowWise8Tests
{
    private static readonly Gen<(float[] Values, int Inputs, int Largest)> Matrices =
        from inputs in Gen.Int[1, 150]
        from rows in Gen.Int[1, 9]
        from values in Gen.Float[-30, 30].Array[rows * inputs]
        from eight in Gen.Bool
        select (values, inputs, eight ? 127 : 63);

    [Fact]
    public void Quantize_AnyMatrix_IsWithinHalfAStepEverywhereAndSaysWhatIsLost() => Matrices.Sample(m =>
    {
        var rows = m.Values.Length / m.Inputs;
        var codes = new sbyte[m.Values.Length];
        var scales = new float[rows];
        var (lost, whole) = RowWise8.Quantize([.. m.Values], m.Inputs, m.Largest, codes, scales);
        double expectedLost = 0, expectedWhole = 0;
        for (var i = 0; i < m.Values.Length; i++)
        {
            var scale = scales[i / m.Inputs];
            Assert.InRange(codes[i], -m.Largest, m.Largest);
            Assert.InRange(Math.Abs(m.Values[i] - (codes[i] * scale)), 0, (0.5 * scale) + 1e-4);
            expectedLost += Math.Pow((double)m.Values[i] - ((double)codes[i] * scale), 2);
            expectedWhole += (double)m.Values[i] * m.Values[i];
        }

        Assert.Equal(expectedWhole, whole, (expectedWhole * 1e-4) + 1e-9);
        Assert.Equal(expectedLost, lost, (expectedLost * 1e-3) + 1e-6);
    });

    [Fact]
    public void Quantize_LargestValueOfARow_HasTheLargestCode()
    {
        float[] values = [0.5f, -2, 1, 0, 0, 0, 1e-3f, 0, -1e-3f];
        var codes = new sbyte[9];
        var scales = new float[3];
        RowWise8.Quantize([.. values], 3, 127, codes, scales);
        Assert.Equal(new sbyte[] { 32, -127, 64, 0, 0, 0, 127, 0, -127 }, codes);
        Assert.Equal(2f / 127, scales[0]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Quantize_NotNumbers_LoseEverything(float bad)
    {
        var values = new float[40];
        values[33] = bad;
        Assert.Equal(double.PositiveInfinity, RowWise8.Quantize(values, 20, 127, new sbyte[40], new float[2]).Lost);
    }

    [Fact]
    public unsafe void Transpose_RowsToColumns_MovesEachCodeAndFlipsItsSign() => Matrices.Sample(m =>
    {
        var rows = m.Values.Length / m.Inputs;
        var codes = Array.ConvertAll(m.Values, v => (sbyte)v);
        const int Before = 3;
        var outputs = rows + Before + 2;
        var target = new byte[m.Inputs * outputs];
        fixed (byte* p = target)
        {
            RowWise8.Transpose(codes, m.Inputs, p, outputs, Before, 128);
        }

        for (var r = 0; r < rows; r++)
        {
            for (var i = 0; i < m.Inputs; i++)
            {
                Assert.Equal(codes[(r * m.Inputs) + i], target[(i * outputs) + Before + r] - 128);
            }
        }

        Assert.All(Enumerable.Range(0, m.Inputs), i => Assert.Equal(0, target[i * outputs]));
    });
}
