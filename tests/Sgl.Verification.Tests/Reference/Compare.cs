namespace Sgl.Verification.Tests.Reference;

/// <summary>Values of the engine beside those of the reference.</summary>
internal static class Compare
{
    public const double LogitTolerance = 2e-4;
    public const double ImportanceTolerance = 4e-4;

    public static float[] Flat(IEnumerable<float[]> rows) => [.. rows.SelectMany(r => r)];

    public static void Close(string what, float[] actual, double[] expected, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(actual[i] - expected[i]) <= tolerance, $"{what} [{i}]: expected {expected[i]}, found {actual[i]}");
        }
    }
}
