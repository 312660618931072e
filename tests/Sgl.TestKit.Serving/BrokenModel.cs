using System.Text.Json.Nodes;

namespace Sgl.TestKit.Serving;

/// <summary>A copy of a demo model to be damaged; deleted at the end.</summary>
public sealed class BrokenModel : IDisposable
{
    public BrokenModel(string model)
    {
        Folder = Directory.CreateTempSubdirectory("sgl-broken-").FullName;
        foreach (var file in Directory.EnumerateFiles(RunningService.DemoModel(model)))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        }
    }

    public string Folder { get; }

    public void Delete(string file) => File.Delete(Path.Combine(Folder, file));

    public void EditConfig(Action<JsonNode> edit)
    {
        var path = Path.Combine(Folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        edit(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
