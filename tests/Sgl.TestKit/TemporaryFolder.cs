namespace Sgl.TestKit;

/// <summary>A folder that goes when the test ends.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("sgl-test-").FullName;

    public string Combine(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Writes a file, and the folders above it.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a file, and the folders above it.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, byte[] bytes)
    {
        var path = Combine(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>This folder with one more file.</summary>
    public TemporaryFolder With(string name, string text)
    {
        Write(name, text);
        return this;
    }

    /// <summary>This folder with one more file.</summary>
    public TemporaryFolder With(string name, byte[] bytes)
    {
        Write(name, bytes);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
