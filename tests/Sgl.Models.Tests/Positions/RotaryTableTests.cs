using CsCheck;

namespace Sgl.Models.Tests.Positions;

/// <summary>Tables against formulas in double precision, written from the specification.</summary>
public sealed class RotaryTableTests
{
    private static readonly Gen<int> HalfDimensions = Gen.Int[2, 64];

    [Fact]
    public void Compute_Default_EqualsFormula() =>
        Gen.Select(HalfDimensions, Gen.Double[1e3, 1e7], Gen.Int[0, 8000]).Sample((half, theta, position) =>
            Check(new RopeConfig.Default(theta), half, [position], position, i => (position * Plain(theta, i, half), 1)));

    [Fact]
    public void Compute_Linear_DividesThePosition() =>
        Gen.Select(HalfDimensions, Gen.Double[1, 8], Gen.Int[0, 8000]).Sample((half, factor, position) =>
            Check(new RopeConfig.Linear(1e4, factor), half, [position], position, i => (position / factor * Plain(1e4, i, half), 1)));

    [Fact]
    public void Compute_DynamicNtk_GrowsTheBaseOnlyBeyondTheTrainedLength() =>
        Gen.Select(HalfDimensions, Gen.Double[1, 4], Gen.Int[0, 4095]).Sample((half, factor, length) =>
        {
            const int Trained = 2048;
            var position = length;
            var grown = length + 1 <= Trained ? 1e6 : 1e6 * Math.Pow((factor * (length + 1) / Trained) - (factor - 1), 2.0 * half / ((2.0 * half) - 2));
            Check(new RopeConfig.DynamicNtk(1e6, factor, Trained), half, [position], length, i => (position * Plain(grown, i, half), 1));
        });

    [Fact]
    public void Compute_Long_ChoosesByTheLargestPositionOfTheCall()
    {
        double[] shorter = [1, 1.05, 1.1, 1.2], longer = [1, 1.2, 4, 9];
        var rope = new RopeConfig.Long(1e4, shorter, longer, 64, 1.19);
        foreach (var (position, max) in new[] { (5, 5), (63, 63), (5, 64), (64, 64), (700, 700) })
        {
            var factors = max + 1 > 64 ? longer : shorter;
            Check(rope, 4, [position], max, i => (position * Plain(1e4, i, 4) / factors[i], 1.19));
        }
    }

    [Fact]
    public void Compute_Multimodal_DealsFrequenciesToAxes()
    {
        var rope = new RopeConfig.Multimodal(1e6, [2, 3, 3]);
        Gen.Select(Gen.Int[0, 3000], Gen.Int[0, 3000], Gen.Int[0, 3000]).Sample((t, h, w) =>
            Check(rope, 8, [t, h, w], Math.Max(t, Math.Max(h, w)), i => ((i < 2 ? t : i < 5 ? h : w) * Plain(1e6, i, 8), 1)));
    }

    [Theory]
    [InlineData(new[] { 6, 3, 3 }, "THWTHWTHWTTT")]
    [InlineData(new[] { 6, 5, 5 }, "THWTHWTHWTHWTHWT")]
    [InlineData(new[] { 3, 1, 4 }, "THWTTWTT")]
    [InlineData(new[] { 24, 20, 20 }, "THWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTHWTTTT")]
    public void Compute_Interleaved_DealsFrequenciesInTurns(int[] sections, string axes) =>
        Gen.Select(Gen.Int[0, 3000], Gen.Int[0, 3000], Gen.Int[0, 3000]).Sample(
            (t, h, w) => Check(
                new RopeConfig.Multimodal(5e6, sections, Interleaved: true), axes.Length, [t, h, w], Math.Max(t, Math.Max(h, w)), i => ((axes[i] switch { 'H' => h, 'W' => w, _ => t }) * Plain(5e6, i, axes.Length), 1)),
            iter: 20);

    [Fact]
    public void Compute_Llama3_ScalesSlowFrequenciesOnly() =>
        Gen.Select(HalfDimensions, Gen.Int[0, 8000]).Sample((half, position) =>
            Check(new RopeConfig.Llama3(5e5, 8, 1, 4, 8192), half, [position], position, i =>
            {
                var frequency = Plain(5e5, i, half);
                var wavelength = 2 * Math.PI / frequency;
                var smooth = Math.Clamp(((8192 / wavelength) - 1) / (4 - 1), 0, 1);
                return (position * (((1 - smooth) * frequency / 8) + (smooth * frequency)), 1);
            }));

    [Fact]
    public void Compute_Rows_AreIndependent()
    {
        var table = new RotaryTable(new RopeConfig.Multimodal(1e6, [16, 24, 24]), 128);
        int[] positions = [3, 9, 1, 4, 2, 8, 7, 7, 7];
        var (cos, sin) = Compute(table, positions, 9);
        for (var row = 0; row < 3; row++)
        {
            var (oneCos, oneSin) = Compute(table, [positions[row], positions[3 + row], positions[6 + row]], 9);
            Assert.Equal(oneCos, cos[(row * 64)..((row + 1) * 64)]);
            Assert.Equal(oneSin, sin[(row * 64)..((row + 1) * 64)]);
        }
    }

    [Fact]
    public void Compute_WrongSizes_Throws()
    {
        var table = new RotaryTable(new RopeConfig.Multimodal(1e6, [16, 24, 24]), 128);
        Assert.Throws<ArgumentException>(() => table.Compute([1, 2], 2, new float[64], new float[64]));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Compute([1, 2, 3], 3, new float[63], new float[64]));
        Assert.Throws<ArgumentException>(() => new RotaryTable(new RopeConfig.Multimodal(1e6, [16, 24, 23]), 128));
    }

    [Fact]
    public void VisionCompute_MergeBlocks_FollowThePatchOrder()
    {
        const int Rows = 4, Columns = 6, Merge = 2, Half = 20;
        var table = new VisionRotaryTable(new VisionConfig
        {
            Architecture = VisionArchitecture.Qwen2Vl,
            Layers = 1,
            HiddenSize = 160,
            Heads = 2,
            IntermediateSize = 1,
            PatchSize = 14,
            MergeSize = Merge,
        });
        Assert.Equal(2 * Half, table.Width);
        var cos = new float[2 * Rows * Columns * table.Width];
        var sin = new float[cos.Length];
        table.Compute((2, Rows, Columns), cos, sin);
        var row = 0;
        for (var frame = 0; frame < 2; frame++)
        {
            foreach (var (y, x) in from blockY in Enumerable.Range(0, Rows / Merge)
                                   from blockX in Enumerable.Range(0, Columns / Merge)
                                   from inY in Enumerable.Range(0, Merge)
                                   from inX in Enumerable.Range(0, Merge)
                                   select ((blockY * Merge) + inY, (blockX * Merge) + inX))
            {
                for (var i = 0; i < 2 * Half; i++)
                {
                    var angle = (i < Half ? y : x) * Math.Pow(10_000, -2.0 * (i % Half) / (2 * Half));
                    Assert.Equal(Math.Cos(angle), cos[(row * 2 * Half) + i], 5);
                    Assert.Equal(Math.Sin(angle), sin[(row * 2 * Half) + i], 5);
                }

                row++;
            }
        }

        Assert.Throws<ArgumentException>(() => table.Compute((1, 3, 4), new float[12 * table.Width], new float[12 * table.Width]));
    }

    private static double Plain(double theta, int i, int half) => Math.Pow(theta, -(double)i / half);

    private static (float[] Cos, float[] Sin) Compute(RotaryTable table, int[] positions, int max)
    {
        var cos = new float[positions.Length / table.Axes * table.Width];
        var sin = new float[cos.Length];
        table.Compute(positions, max, cos, sin);
        return (cos, sin);
    }

    private static void Check(RopeConfig rope, int half, int[] positions, int max, Func<int, (double Angle, double Scale)> formula)
    {
        var (cos, sin) = Compute(new RotaryTable(rope, 2 * half), positions, max);
        for (var i = 0; i < half; i++)
        {
            var (angle, scale) = formula(i);

            // float32 frequencies and angles: a few units in the last place of the angle, by which cos and sin may turn.
            var tolerance = 2e-6 + (Math.Abs(angle) * 4e-7);
            Assert.InRange(cos[i], (Math.Cos(angle) * scale) - tolerance, (Math.Cos(angle) * scale) + tolerance);
            Assert.InRange(sin[i], (Math.Sin(angle) * scale) - tolerance, (Math.Sin(angle) * scale) + tolerance);
        }
    }
}
