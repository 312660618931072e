using Sgl.TestKit;

namespace Sgl.Cli.Tests;

/// <summary>Files of the repository that the tests ask about.</summary>
internal static class Samples
{
    public static string Image(string name) => Path.Combine(SharedData.RepositoryRoot, "samples", name);

    public static string Model(string name) => Path.Combine(SharedData.RepositoryRoot, "models", name);

    public static string Goldens { get; } = Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Verification.Tests", "Data", "goldens");

    /// <summary>A copy of a demo checkpoint that a test may break.</summary>
    public static string CopyModel(string name, TemporaryFolder folder) => Copy(Model(name), folder.Combine(name));

    /// <summary>Copies a folder with its folders.</summary>
    public static string Copy(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        return target;
    }
}
