using Sgl.Reference;

// Writes docs/reference anew; with --check it writes nothing and says what is not current.
var root = ReferenceFiles.Root();
if (args is ["--check"])
{
    var stale = await ReferenceFiles.StaleAsync(root);
    foreach (var file in stale)
    {
        Console.Error.WriteLine($"{file} is not current: {ReferenceFiles.Command}");
    }

    return stale.Count == 0 ? 0 : 1;
}

foreach (var (name, text) in await ReferenceFiles.BuildAsync(root))
{
    await File.WriteAllTextAsync(Path.Combine(root, name), text);
    Console.WriteLine(name);
}

return 0;
